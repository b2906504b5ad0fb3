internal import Tensors

/// A seeded sample of scored tokens that have enough text before them for comparing contexts of several lengths.
///
/// Which context is the longest is known only at the end of the text. So there is a reservoir for each length
/// (Vitter 1985, algorithm R): the sample is uniform, and memory is constant.
package struct PositionSample: Sendable {
  /// A sampled token.
  package struct Position: Equatable, Sendable {
    /// Its index among all tokens of the texts, from 0.
    package let index: Int
    /// Its loss given the whole history, in nats.
    package let loss: Double

    package init(index: Int, loss: Double) { (self.index, self.loss) = (index, loss) }
  }

  private struct Reservoir {
    var positions: [Position] = []
    var candidates = 0
    var random: RandomSource
  }

  private let contexts: [Int]
  private let limit: Int
  private var reservoirs: [Reservoir]
  private var scored = 0

  /// - Parameters:
  ///   - contexts: Numbers of tokens of context, ascending.
  ///   - limit: The most positions of a sample.
  ///   - seed: The seed of the choice.
  package init(contexts: [Int], limit: Int, seed: UInt64) {
    (self.contexts, self.limit) = (contexts, limit)
    reservoirs = contexts.indices.map { Reservoir(random: RandomSource(seed: seed &+ UInt64($0))) }
  }

  /// Adds a scored token.
  ///
  /// - Parameters:
  ///   - position: The token, with its loss.
  ///   - history: The number of tokens before it in its document, without BOS.
  package mutating func add(_ position: Position, history: Int) {
    scored += 1
    for index in contexts.indices {
      guard contexts[index] <= history else { break }
      reservoirs[index].candidates += 1
      if reservoirs[index].positions.count < limit {
        reservoirs[index].positions.append(position)
      } else {
        let place = Int.random(in: 0..<reservoirs[index].candidates, using: &reservoirs[index].random)
        if place < limit { reservoirs[index].positions[place] = position }
      }
    }
  }

  /// The contexts that are compared, and the tokens at which they are, in random order: any prefix is a sample too.
  ///
  /// The longest context is the longest one that a quarter of the scored tokens has, or as many as the sample takes.
  ///
  /// - Returns: Both are empty if no token has enough history for the shortest context.
  package func chosen() -> (contexts: [Int], positions: [Position]) {
    let least = max(1, min(limit, scored / 4))
    guard let longest = contexts.indices.last(where: { reservoirs[$0].candidates >= least }) else { return ([], []) }
    var random = reservoirs[longest].random
    return (Array(contexts[...longest]), reservoirs[longest].positions.shuffled(using: &random))
  }
}
