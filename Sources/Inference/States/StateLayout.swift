internal import Checkpoints
internal import Modeling
internal import Tensors

/// The properties that determine the tensors of a state file and their shapes (docs/CHECKPOINT.md §5).
struct StateLayout: Equatable {
  /// The shape of each layer's state.
  var layers: [MixerStateShape]
  /// N.
  var vocabularySize: Int
  var chunkLength: Int
  /// The format of the stored part of retention.
  var format: NumberFormat
  /// nil: no history.
  var undoWindow: Int?
  /// The number of recent ids for penalties; nil: none.
  var recentCount: Int?
  /// The number of all ids; nil: they are not in the file.
  var idCount: Int?

  /// Prefixes of the tensor names of a place.
  static let boundary = "boundary."
  static let older = "undo.older."
  static let newer = "undo.newer."

  /// Whether a state of this layout fits a model of that configuration.
  func fits(_ configuration: ModelConfiguration) -> Bool {
    layers == configuration.stateShapes && vocabularySize == configuration.vocabularySize
  }

  /// Allocates a state of this layout.
  func makeState() -> ModelState { ModelState(layers) }

  /// All tensors of a file with this layout.
  var tensors: [TensorDescription] {
    var all = [
      TensorDescription(name: "logits", dataType: .f32, shape: [1, vocabularySize]),
      TensorDescription(name: "random", dataType: .u64, shape: [1]),
      TensorDescription(name: "rest", dataType: .i32, shape: [chunkLength]),
    ]
    all += tensors(ofPlace: "") + tensors(ofPlace: Self.boundary)
    if let undoWindow {
      let capacity = UndoHistory.capacity(window: undoWindow, chunkLength: chunkLength)
      all += tensors(ofPlace: Self.older) + tensors(ofPlace: Self.newer)
      all.append(TensorDescription(name: "undo.ids", dataType: .i32, shape: [capacity]))
      all.append(TensorDescription(name: "undo.made", dataType: .u8, shape: [capacity]))
    }
    if let recentCount { all.append(TensorDescription(name: "recent", dataType: .i32, shape: [recentCount])) }
    if let idCount { all.append(TensorDescription(name: "ids", dataType: .i32, shape: [idCount])) }
    return all
  }

  private func tensors(ofPlace prefix: String) -> [TensorDescription] {
    let stored = format == .bfloat16 ? DataType.bf16 : .f32
    return [
      TensorDescription(name: prefix + "position", dataType: .i64, shape: [1]),
      TensorDescription(name: prefix + "digest", dataType: .u8, shape: [32]),
    ]
      + layers.enumerated().flatMap { index, layer in
        layer.parts.map { name, kind, extents in
          let type: DataType =
            switch kind {
            case .stored: stored
            case .single: .f32
            case .double: .f64
            }
          return TensorDescription(name: "\(prefix)layers.\(index).\(name)", dataType: type, shape: extents)
        }
      }
  }
}
