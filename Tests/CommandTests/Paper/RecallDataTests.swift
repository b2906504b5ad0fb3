import Corpora
import Foundation
import Tensors
import Testing
import Tokenization
import retnet

extension CommandRuns {
  /// The sequences of the recall section.
  @Suite struct RecallDataTests {
    private let workspace: Workspace
    private let data: RecallData
    private let first: Int32
    private let tokenizer: Tokenizer

    init() throws {
      workspace = try Workspace()
      tokenizer = try Tokenizer(model: Array(workspace.bytes("tokenizer.model")), path: "tokenizer.model")
      data = RecallData(tokenizer)
      first = Int32(tokenizer.vocabularySize - 2 * RecallData.symbols)
    }

    @Test(arguments: RecallData.pairs)
    func everyKeyIsAskedOnceAndOnlyItsValueIsScored(_ pairs: Int) {
      var source = RandomSource(seed: 7)
      for _ in 0..<20 {
        let parts = data.sequence(pairs, from: &source)
        let context = parts[0].ids
        #expect(context.count == 2 * pairs && !parts[0].isScored)
        var values: [Int32: Int32] = [:]
        for index in stride(from: 0, to: context.count, by: 2) { values[context[index]] = context[index + 1] }
        #expect(values.count == pairs, "a key occurs twice")
        let symbols = Int32(RecallData.symbols)
        #expect(values.keys.allSatisfy { first..<first + symbols ~= $0 })
        #expect(values.values.allSatisfy { first + symbols..<first + 2 * symbols ~= $0 })
        let questions = parts.dropFirst()
        var asked: [Int32] = []
        for index in stride(from: 1, to: parts.count, by: 2) {
          #expect(!parts[index].isScored && parts[index + 1].isScored)
          #expect(parts[index + 1].ids == [values[parts[index].ids[0]] ?? -1])
          asked += parts[index].ids
        }
        #expect(questions.count == 2 * pairs && Set(asked) == Set(values.keys) && asked.count == pairs)
      }
    }

    /// The power law of the authors' generator: the first place is asked for by the first pair in about a third of the cases.
    @Test func nearPlacesComeFirst() {
      var source = RandomSource(seed: 3)
      var first = 0
      for _ in 0..<2_000 {
        let parts = data.sequence(8, from: &source)
        first += parts[1].ids[0] == parts[0].ids[0] ? 1 : 0
      }
      // (Σ_{i=1}^{8} i^-0.99)^-1 = 0.365
      #expect(abs(Double(first) / 2_000 - 0.365) < 0.04, "\(first)")
    }

    @Test func aTestFileHasItsMask() throws {
      try data.writeTest(workspace.path("a.tokens"), pairs: 4)
      try data.writeTest(workspace.path("b.tokens"), pairs: 4)
      #expect(try workspace.bytes("a.tokens") == workspace.bytes("b.tokens"))
      let file = try TokenFile(path: workspace.path("a.tokens"))
      #expect(try file.scoredCount() * 4 == file.count)
      #expect(try file.documentRange(1) == 16..<32)
    }
  }
}
