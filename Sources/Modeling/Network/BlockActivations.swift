internal import Tensors

/// The activations of one block, R = B·T rows, kept for the backward.
///
/// Without a backward all blocks may share one set. The residual stream is then one tensor: `stream`, `middle` and the
/// next block's `stream` are the same.
struct BlockActivations: Sendable {
  /// The residual stream that enters [R, D].
  let stream: Tensor
  /// The mix of that stream and the embedding [R, D]; nil without an embedding residual, or if it takes the stream's
  /// place.
  private let mixed: Tensor?
  /// The norm of the block's input [R, D], and the statistics of the norm.
  let normed: Tensor
  let statistics: NormStatistics
  let mixer: any MixerActivations
  /// The residual stream behind the mixer [R, D], its norm [R, D], and the statistics of the norm.
  let middle: Tensor
  let middleNormed: Tensor
  let middleStatistics: NormStatistics
  /// Gate and up next to each other [R, 2F], or fc1 [R, F]; the input of the last product [R, F].
  let gateUp: Tensor
  let hidden: Tensor

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - type: The type of the layer.
  ///   - shape: The longest call.
  ///   - stream: Memory of the stream that enters.
  ///   - mixed: Memory of the block's input; nil if it is the stream, or takes its place.
  ///   - middle: Memory of the stream behind the mixer; `stream` itself if no backward follows.
  init(
    _ configuration: ModelConfiguration, _ type: LayerType, _ shape: CallShape, stream: Tensor, mixed: Tensor? = nil,
    middle: Tensor
  ) {
    let (c, rows) = (configuration, shape.rows)
    self.stream = stream
    self.mixed = mixed
    normed = Tensor(Shape(rows, c.width))
    statistics = NormStatistics(rows: rows)
    mixer = type.mixer.makeActivations(c, shape)
    self.middle = middle
    middleNormed = Tensor(Shape(rows, c.width))
    middleStatistics = NormStatistics(rows: rows)
    gateUp = Tensor(Shape(rows, c.gateUpWidth))
    hidden = Tensor(Shape(rows, c.feedForwardWidth))
  }

  /// Bytes of what `init` allocates, which excludes the streams and `mixed`.
  static func byteCount(_ c: ModelConfiguration, _ type: LayerType, _ shape: CallShape) -> Double {
    Tensor.byteCount(shape.rows, 2 * c.width + c.gateUpWidth + c.feedForwardWidth)
      + 2 * NormStatistics.byteCount(rows: shape.rows) + type.mixer.activationByteCount(c, shape)
  }

  /// The block's input [R, D].
  var input: Tensor { mixed ?? stream }

  private init(_ other: BlockActivations, rows: Int, stream: Tensor, mixer: any MixerActivations) {
    self.stream = stream
    self.mixer = mixer
    mixed = other.mixed?.prefix(rows)
    normed = other.normed.prefix(rows)
    statistics = other.statistics.prefix(rows)
    middle = other.middle.prefix(rows)
    middleNormed = other.middleNormed.prefix(rows)
    middleStatistics = other.middleStatistics.prefix(rows)
    gateUp = other.gateUp.prefix(rows)
    hidden = other.hidden.prefix(rows)
  }

  /// A view of the first rows, for a shorter call.
  func prefix(_ rows: Int) -> BlockActivations {
    rows == stream.shape[0]
      ? self : BlockActivations(self, rows: rows, stream: stream.prefix(rows), mixer: mixer.prefix(rows))
  }

  /// The same memory with another tensor for the stream that enters [R, D], and with the activations of another mixer.
  func replacing(stream: Tensor, mixer: any MixerActivations) -> BlockActivations {
    BlockActivations(self, rows: stream.shape[0], stream: stream, mixer: mixer)
  }
}

/// Intermediate gradients of a block; all blocks share the memory.
struct BackwardScratch: Sendable {
  let dnormed: Tensor
  let mixers: ByLayerType<any MixerScratch>
  let dgateUp: Tensor
  let dhidden: Tensor
  /// With an embedding residual: the gradient that reaches the embedding through it, summed over the blocks [R, D].
  let dx0: Tensor?
  /// Scratch for sums over rows.
  let partials: Tensor

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - shape: The longest call.
  init(_ configuration: ModelConfiguration, _ shape: CallShape) {
    let (c, rows) = (configuration, shape.rows)
    dnormed = Tensor(Shape(rows, c.width))
    mixers = ByLayerType(c.presentTypes) { $0.mixer.makeScratch(c, shape) }
    dgateUp = Tensor(Shape(rows, c.gateUpWidth))
    dhidden = Tensor(Shape(rows, c.feedForwardWidth))
    dx0 = c.hasEmbeddingResidual ? Tensor(Shape(rows, c.width)) : nil
    partials = Tensor(Shape(partialCount(rows: rows) * Self.widestSum(c)))
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double {
    let rows = shape.rows
    return Tensor.byteCount(rows, (c.hasEmbeddingResidual ? 2 : 1) * c.width + c.gateUpWidth + c.feedForwardWidth)
      + Tensor.byteCount(partialCount(rows: rows), widestSum(c))
      + c.presentTypes.reduce(0) { $0 + $1.mixer.scratchByteCount(c, shape) }
  }

  /// The widest weight gradient that is summed over rows: two rows of D for LayerNorm, a bias, or one of the mixer's.
  private static func widestSum(_ c: ModelConfiguration) -> Int {
    c.presentTypes.reduce(max(2 * c.width, c.gateUpWidth, c.hasHeadBias ? c.vocabularySize : 0)) {
      max($0, $1.mixer.widestSum(c))
    }
  }
}

extension ModelConfiguration {
  /// Width of the first product of the feed-forward part: gate and up, or fc1.
  var gateUpWidth: Int { feedForward == .glu ? 2 * feedForwardWidth : feedForwardWidth }
}
