import Corpora
import Inference
import Tensors
import TestSupport
import Testing
import Training

/// What the end of a document does to training and to the evaluations on its way.
@Suite struct DocumentTests {
  /// Documents of 3 to 40 ids.
  private static func documents(seed: UInt64 = 1) -> [[Int32]] {
    var generator = SeededGenerator(seed: seed)
    return (0..<17).map { index in
      (0..<3 + index * 13 % 38).map { _ in Int32(3 + generator.next() % 8) }
    }
  }

  /// A batch in the trainer's hands.
  private func load(_ batches: Batches, at index: Int, into trainer: Trainer) throws {
    try trainer.inputs.withMutableSpan { inputs in
      try trainer.targets.withMutableSpan { targets in
        try trainer.documentStarts.withMutableSpan { documents in
          try batches.copyBatch(at: index, inputs: &inputs, targets: &targets, documentStarts: &documents)
        }
      }
    }
  }

  /// Losses and gradient norms of four batches, of which only one document's ids are scored.
  private func figures(_ documents: [[Int32]], scored: Int, _ boundary: DocumentBoundary) throws -> [Double] {
    var run = try TinyRun(documents: documents)
    run.boundary = boundary
    let (loop, batches, file) = (try run.loop(), try run.batches(), run.file)
    return try (0..<4).flatMap { index in
      try load(batches, at: index, into: loop.trainer)
      let positions = try run.positions(at: index)
      let range = try file.documentRange(scored)
      for (place, position) in positions.enumerated() where !range.contains(position) {
        loop.trainer.targets[place] = -1
      }
      let (loss, norm) = try #require(loop.trainer.computeGradient())
      return [loss, norm]
    }
  }

  @Test func anotherDocumentChangesNothing() throws {
    let documents = Self.documents()
    // The longest one, and all others anew.
    let scored = 16
    var changed = Self.documents(seed: 2)
    changed[scored] = documents[scored]
    let found = try figures(documents, scored: scored, .reset)
    #expect(found == (try figures(changed, scored: scored, .reset)))
    #expect(found.contains { $0 > 0 })
    #expect(try figures(documents, scored: scored, .continuous) != figures(changed, scored: scored, .continuous))
  }

  @Test func theLossIsThatOfTheDocumentsAlone() throws {
    var run = try TinyRun(documents: Self.documents())
    run.configuration.precision = .float32
    let loop = try run.loop()
    let trainer = loop.trainer
    try load(run.batches(), at: 1, into: trainer)
    let T = run.configuration.sequenceLength
    // Each stretch between two starts is a document of its own, or a part of one, for the reference.
    var parts: [(tokens: [Int], targets: [Int])] = []
    for place in 0..<trainer.inputs.count {
      let isStart = place % T == 0 || Int(trainer.documentStarts[place]) == place % T
      if isStart { parts.append(([], [])) }
      parts[parts.count - 1].tokens.append(Int(trainer.inputs[place]))
      parts[parts.count - 1].targets.append(Int(trainer.targets[place]))
    }
    #expect(parts.count > 6)
    let reference = TinyRun.reference(of: trainer.network)
    var loss = 0.0
    var gradients: [String: ReferenceTensor] = [:]
    for (tokens, targets) in parts {
      let share = Double(tokens.count) / Double(trainer.inputs.count)
      let (mean, found) = reference.lossAndGradients([tokens], targets: [targets])
      loss += share * mean
      for (name, gradient) in found {
        gradients[name] = gradients[name].map { $0 + share * gradient } ?? share * gradient
      }
    }
    let (found, norm) = try #require(trainer.computeGradient())
    // Float32 against Float64; the parts begin at position 0, a rotation by other angles.
    #expect(abs(found / loss - 1) < 1e-5)
    #expect(abs(norm / Reference.globalNorm(gradients.values) - 1) < 1e-4)
  }

  @Test func evaluationsReadAsTrainingDoes() throws {
    func score(_ documents: [[Int32]], _ boundary: DocumentBoundary) throws -> Score {
      var run = try TinyRun(documents: documents)
      (run.configuration.steps, run.boundary) = (1, boundary)
      // Weights of the seed alone: the corpora are not the same.
      run.configuration.learningRate = 1e-30
      guard case .evaluation(_, let score, _, _) = try run.events(isValidated: true).last else {
        throw NoEvaluation()
      }
      return score
    }
    let documents = Self.documents()
    let joined = Array(documents.map { $0 + [2] }.joined().dropLast())
    let (apart, together) = (try score(documents, .reset), try score(documents, .continuous))
    #expect(apart.tokens == joined.count + 1 && together.tokens == apart.tokens)
    #expect(together.nats == (try score([joined], .continuous).nats))
    #expect(together.nats == (try score([joined], .reset).nats))
    let alone = try documents.map { try score([$0], .reset).nats }.reduce(0, +)
    #expect(abs(apart.nats / alone - 1) < 1e-9)
    #expect(abs(apart.nats / together.nats - 1) > 1e-4)
  }

  private struct NoEvaluation: Error {}
}
