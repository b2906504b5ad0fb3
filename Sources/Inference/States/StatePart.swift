package import Checkpoints
internal import Files
package import Modeling
package import Tensors

extension ModelState {
  /// The tensors of the state with their names in a file, except the position.
  ///
  /// - Parameters:
  ///   - prefix: The prefix of every name.
  ///   - format: The format of the stored part of retention; all else is Float32 or Float64.
  /// - Returns: The parts, layer by layer.
  package func parts(_ prefix: String = "", format: NumberFormat = .float32) -> [StatePart] {
    layers.enumerated().flatMap { index, layer in
      layer.parts.map { name, numbers in
        let name = "\(prefix)layers.\(index).\(name)"
        switch numbers {
        case .stored(let tensor): return StatePart(name: name, .single(tensor, format))
        case .single(let tensor): return StatePart(name: name, .single(tensor, .float32))
        case .double(let buffer): return StatePart(name: name, .double(buffer))
        }
      }
    }
  }
}

/// One named tensor of a state file.
package struct StatePart {
  enum Numbers {
    case single(Tensor, NumberFormat)
    case double(DoubleBuffer)
    /// Integers as little-endian bytes.
    case whole(DataType, shape: [Int], [UInt8])
  }

  package let description: TensorDescription
  private let numbers: Numbers

  init(name: String, _ numbers: Numbers) {
    self.numbers = numbers
    description =
      switch numbers {
      case .single(let tensor, let format):
        TensorDescription(name: name, dataType: format == .bfloat16 ? .bf16 : .f32, shape: tensor.shape.extents)
      case .double(let buffer): TensorDescription(name: name, dataType: .f64, shape: [buffer.count])
      case .whole(let type, let shape, _): TensorDescription(name: name, dataType: type, shape: shape)
      }
  }

  /// A tensor of Float32 numbers.
  package init(name: String, _ tensor: Tensor) { self.init(name: name, .single(tensor, .float32)) }

  /// A tensor of integers along one axis.
  package init(name: String, _ type: DataType, _ values: [some FixedWidthInteger]) {
    let bytes = values.flatMap { $0.littleEndianBytes }
    self.init(name: name, .whole(type, shape: [values.count], bytes))
  }

  package func withBytes(_ body: (RawSpan) throws -> Void) throws {
    switch numbers {
    case .single(let tensor, let format): try tensor.withBytes(in: format, body)
    case .double(let buffer): try buffer.values.flatMap { $0.bitPattern.littleEndianBytes }.withRawSpan(body)
    case .whole(_, _, let bytes): try bytes.withRawSpan(body)
    }
  }

  /// Replaces floating-point numbers by those in bytes. Integers are read by `[Integer](littleEndian:)` instead.
  package func fill(_ bytes: RawSpan) {
    switch numbers {
    case .single(let tensor, let format): tensor.fill(bytes: bytes, format: format)
    case .double(let buffer):
      for (index, pattern) in [UInt64](littleEndian: [UInt8](copying: bytes)).enumerated() {
        buffer[index] = Double(bitPattern: pattern)
      }
    case .whole: break
    }
  }
}

extension FixedWidthInteger {
  fileprivate var littleEndianBytes: [UInt8] {
    stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> Self($0)) }
  }
}

extension Array where Element: FixedWidthInteger {
  /// Integers from little-endian bytes.
  init(littleEndian bytes: [UInt8]) {
    let width = Element.bitWidth / 8
    self = stride(from: 0, to: bytes.count / width * width, by: width).map { start in
      bytes[start..<start + width].reversed().reduce(Element(0)) {
        (width == 1 ? 0 : $0 << 8) | Element(truncatingIfNeeded: $1)
      }
    }
  }
}
