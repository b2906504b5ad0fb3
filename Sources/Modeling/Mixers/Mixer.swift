internal import Retention
internal import Tensors

/// The part of a block that mixes the tokens of a sequence; each layer type has its own.
///
/// It has two products with weights at its ends, and the stream of the tokens is read and written in rows:
///
/// 1. `computeActivations` computes everything from the norm of the residual stream, except for the last product.
/// 2. `addOutput` is that product, added to the stream.
/// 3. `backward` goes the way back.
///
/// The rest of the program uses this protocol and the protocols of its memory, and does not depend on a type: block,
/// network, parameters, state files, forecasts.
protocol Mixer: Sendable {
  /// What the forward keeps for the backward.
  associatedtype Activations: MixerActivations
  /// Intermediate gradients, which all layers of the type share.
  associatedtype Scratch: MixerScratch
  /// What all layers of the type share in a call: tables and scratch.
  associatedtype Memory: MixerMemory
  /// What a layer remembers of the tokens that were read.
  associatedtype State: MixerState

  static var type: LayerType { get }

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - weights: The tensors in the order of `places`.
  ///   - layer: The number of the block, from 0.
  init(_ configuration: ModelConfiguration, _ weights: MixerTensors<WeightMatrix, Tensor>, layer: Int)

  // MARK: Weights

  /// What precedes the names of the layer's weights behind its number: `ret` in `layers.3.ret.q.weight`.
  static var weightPrefix: String { get }

  /// Takes the next places for the layer's weights.
  static func addPlaces(
    to places: inout ParameterPlaces, prefix: String, _ c: ModelConfiguration
  ) -> MixerTensors<ParameterPlace, ParameterPlace>

  /// Replaces every 0 among the keys that the type alone reads by the value that it stands for.
  static func resolve(_ c: inout ModelConfiguration)

  /// The width of the feed-forward part over D that, with this mixer, gives a layer the 12 D² weights of the paper.
  static func feedForwardShare(_ c: ModelConfiguration) -> Double

  /// What is wrong with the keys that the type reads.
  static func contradictions(_ c: ModelConfiguration) -> [(key: String, message: String)]

  // MARK: Memory; each with the bytes that it takes

  static func makeActivations(_ c: ModelConfiguration, _ shape: CallShape) -> Activations
  static func activationByteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double

  static func makeScratch(_ c: ModelConfiguration, _ shape: CallShape) -> Scratch
  static func scratchByteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double

  /// The widest gradient of a weight that is summed over rows.
  static func widestSum(_ c: ModelConfiguration) -> Int

  static func makeMemory(_ c: ModelConfiguration, _ plan: MixerMemoryPlan) -> Memory
  static func memoryByteCount(_ c: ModelConfiguration, _ plan: MixerMemoryPlan) -> Double

  /// An empty state of `batch` sequences.
  static func makeState(_ c: ModelConfiguration, batch: Int) -> State

  /// Bytes of the state of `batch` sequences that have read so many tokens.
  static func stateByteCount(_ c: ModelConfiguration, batch: Int, position: Int) -> Double

  /// The extents of a state in a file; nil if states of this type are not written to files.
  static func stateShape(_ c: ModelConfiguration) -> MixerStateShape?

  // MARK: Arithmetic

  /// Computes the mixer's output except for its last product: everything that the backward reads.
  ///
  /// - Parameters:
  ///   - x: The norm of the residual stream [R, D].
  ///   - a: Receives the activations.
  ///   - memory: Prepared for the positions of the call.
  ///   - call: The arguments that all layers share.
  ///   - state: The state before the call, replaced by that after it.
  ///   - initial: The state that each document starts from; nil: an empty one.
  ///   - pool: Where the work runs.
  func computeActivations(
    _ x: Tensor, _ a: Activations, _ memory: Memory, _ call: LayerCall, state: State, initial: MixerInitialState?,
    on pool: WorkerPool)

  /// Adds the mixer's output to the residual stream [R, D]: the last product, with the result of `computeActivations`.
  func addOutput(to stream: Tensor, _ a: Activations, _ call: LayerCall, on pool: WorkerPool)

  /// Computes the gradient of the mixer's input, and adds to the gradients of its weights.
  ///
  /// - Parameters:
  ///   - dx: Receives the gradient of the input [R, D].
  ///   - gradients: The weights' gradients, added to.
  ///   - dy: Gradient of the residual stream behind the mixer [R, D].
  ///   - x: The input of the forward [R, D].
  ///   - a: As the forward wrote it.
  ///   - scratch: Memory for intermediate gradients.
  ///   - memory: As in the forward.
  ///   - partials: Scratch for sums over rows.
  ///   - call: As in the forward.
  ///   - initial: As in the forward; its gradient is added to.
  ///   - pool: Where the work runs.
  func backward(
    _ dx: Tensor, gradients: MixerTensors<Tensor, Tensor>, _ dy: Tensor, _ x: Tensor, _ a: Activations,
    _ scratch: Scratch, _ memory: Memory, partials: Tensor, _ call: LayerCall, initial: MixerInitialState?,
    on pool: WorkerPool)

  /// The heads' outputs before and after the head norm, without a gate [R, H·V]; both are the same without a norm.
  ///
  /// It may overwrite activations, and is called when the block no longer needs them.
  func observe(_ a: Activations, on pool: WorkerPool) -> (heads: Tensor, normed: Tensor)
}

/// The extents of a call: B sequences of T tokens, and the form in which they are read.
package struct CallShape: Sendable, Equatable {
  package var batch: Int
  package var time: Int
  package var form: RetentionForm

  package init(batch: Int, time: Int, form: RetentionForm) { (self.batch, self.time, self.form) = (batch, time, form) }

  /// R = B·T.
  var rows: Int { batch * time }
}

/// The calls that a `MixerMemory` is made for.
struct MixerMemoryPlan {
  /// The longest call. Recurrent calls are always possible.
  var shape: CallShape
  /// The decay of each head; nil: by the configuration's rule.
  var decay: Decay?
  /// Whether documents start from a state.
  var hasInitialState = false
  /// Threads of the pool.
  var workers: Int
}

/// The arguments of a call that all layers share.
struct LayerCall {
  /// The extents; the form is that of the memory, or recurrent.
  let shape: CallShape
  /// As in `recurrentRetention`; nil: one document that continues.
  let documentStarts: Indices?
  /// Precision of products with Float32 weights and of products inside a mixer.
  ///
  /// Norms, decay, states and sums are Float32 in any case.
  let precision: ProductPrecision
  let memories: ByLayerType<any MixerMemory>
  /// Whether the states before the call count, and those after it are needed. A training step that carries no states
  /// starts from nothing.
  let keepsState: Bool
  /// The residual stream before the first block [R, D]; nil without an embedding residual.
  let x0: Tensor?
  /// nil: no dropout.
  let dropout: BranchDropout?
}

// MARK: - The memory of a mixer

/// The activations of a mixer, R = B·T rows, kept for the backward.
protocol MixerActivations: AnyObject, Sendable {
  /// A view of the first rows, for a shorter call.
  func prefix(_ rows: Int) -> Self
}

/// Intermediate gradients of a mixer; all layers of a type share the memory.
protocol MixerScratch: AnyObject, Sendable {}

/// Memory that the mixers of all layers of a type share in a call: tables and scratch.
protocol MixerMemory: AnyObject {
  /// Prepares for a call in which all sequences are at the same position.
  func prepare(first position: Int, count: Int)

  /// Prepares for a call of one token per sequence, each at its own position.
  func prepare(_ positions: [Int])

  /// Prepares for the documents of a batch that start from an initial state; `documentStarts` as in `LayerCall`.
  func prepareInitialState(_ documentStarts: Indices?)
}

extension MixerMemory {
  func prepareInitialState(_ documentStarts: Indices?) {}
}

/// The state that documents start from in one layer, and its gradient, which is added to.
struct MixerInitialState: Sendable {
  let values: Tensor
  let gradients: Tensor
}

// MARK: - Calls that do not know the type

extension Mixer {
  func computeActivations(
    _ x: Tensor, _ a: any MixerActivations, _ call: LayerCall, state: any MixerState, initial: MixerInitialState?,
    on pool: WorkerPool
  ) {
    computeActivations(
      x, own(a, Activations.self), own(call.memories[Self.type], Memory.self), call, state: own(state, State.self),
      initial: initial, on: pool)
  }

  func addOutput(to stream: Tensor, _ a: any MixerActivations, _ call: LayerCall, on pool: WorkerPool) {
    addOutput(to: stream, own(a, Activations.self), call, on: pool)
  }

  func backward(
    _ dx: Tensor, gradients: MixerTensors<Tensor, Tensor>, _ dy: Tensor, _ x: Tensor, _ a: any MixerActivations,
    _ scratch: any MixerScratch, partials: Tensor, _ call: LayerCall, initial: MixerInitialState?, on pool: WorkerPool
  ) {
    backward(
      dx, gradients: gradients, dy, x, own(a, Activations.self), own(scratch, Scratch.self),
      own(call.memories[Self.type], Memory.self), partials: partials, call, initial: initial, on: pool)
  }

  func observe(_ a: any MixerActivations, on pool: WorkerPool) -> (heads: Tensor, normed: Tensor) {
    observe(own(a, Activations.self), on: pool)
  }

  /// The object as this mixer's type of it; all objects of a layer are made by its mixer.
  private func own<Object: AnyObject>(_ object: AnyObject, _ type: Object.Type) -> Object {
    guard let own = object as? Object else { preconditionFailure("\(Self.type): not a \(type)") }
    return own
  }
}
