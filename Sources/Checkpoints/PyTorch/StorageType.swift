/// Maps PyTorch's storage classes and dtypes to element types.
enum StorageType {
  /// The class of a storage whose type its tensors tell.
  static let untyped = PickleGraph.Global(module: "torch.storage", name: "UntypedStorage")

  /// The bytes of an element in a storage, also of types whose tensors cannot be read; nil for unknown classes.
  static func elementByteCount(of type: PickleGraph.Global) -> Int? {
    if type == untyped { return 1 }
    guard type.module == "torch" else { return nil }
    if let dataType = dataType(ofStorage: type.name) { return dataType.bitCount / 8 }
    switch type.name {
    case "ComplexDoubleStorage": return 16
    case "QInt32Storage": return 4
    case "QInt8Storage", "QUInt8Storage", "QUInt4x2Storage", "QUInt2x4Storage": return 1
    default: return nil
    }
  }

  /// The element type of a storage class in the module `torch`; nil if it is not supported.
  static func dataType(ofStorage name: String) -> DataType? {
    switch name {
    case "FloatStorage": .f32
    case "DoubleStorage": .f64
    case "HalfStorage": .f16
    case "BFloat16Storage": .bf16
    case "LongStorage": .i64
    case "IntStorage": .i32
    case "ShortStorage": .i16
    case "CharStorage": .i8
    case "ByteStorage": .u8
    case "BoolStorage": .bool
    case "ComplexFloatStorage": .c64
    default: nil
    }
  }

  /// The name of the storage class in the module `torch` for an element type; nil if there is none.
  static func storage(of dataType: DataType) -> String? {
    switch dataType {
    case .f32: "FloatStorage"
    case .f64: "DoubleStorage"
    case .f16: "HalfStorage"
    case .bf16: "BFloat16Storage"
    case .i64: "LongStorage"
    case .i32: "IntStorage"
    case .i16: "ShortStorage"
    case .i8: "CharStorage"
    case .u8: "ByteStorage"
    case .bool: "BoolStorage"
    case .c64: "ComplexFloatStorage"
    default: nil
    }
  }

  /// The element type of a dtype in the module `torch`; nil if it is not supported.
  static func dataType(named name: String) -> DataType? {
    switch name {
    case "float32", "float": .f32
    case "float64", "double": .f64
    case "float16", "half": .f16
    case "bfloat16": .bf16
    case "int64", "long": .i64
    case "int32", "int": .i32
    case "int16", "short": .i16
    case "int8": .i8
    case "uint8": .u8
    case "uint16": .u16
    case "uint32": .u32
    case "uint64": .u64
    case "bool": .bool
    case "complex64": .c64
    case "float8_e5m2": .f8E5M2
    case "float8_e4m3fn": .f8E4M3
    case "float8_e8m0fnu": .f8E8M0
    case "float8_e4m3fnuz": .f8E4M3FNUZ
    case "float8_e5m2fnuz": .f8E5M2FNUZ
    default: nil
    }
  }
}
