import Checkpoints
import Modeling
import Tensors
import TestSupport
import Testing

/// A fairseq model in the order of a tokenizer computes what it did, under other ids.
@Suite struct FairseqOrderTests {
  private let golden: GoldenCase

  init() throws { golden = try #require(GoldenCase.all.first { $0.description == "torchscale-a-fairseq" }) }

  /// The rows that the usual dictionary of 40 pieces has in 48 rows.
  private static let rows = [3, 0, 2] + Array(4..<41) + [1] + Array(41..<48)

  @Test func embeddingAndHeadAreReordered() throws {
    let model = try golden.model()
    #expect(model.hasFairseqIDs && model.configuration.bosID == nil)
    var reordered = model
    reordered.reorderVocabulary(Self.rows)
    // `</s>` starts and ends sequences; the tokenizer has it under id 2.
    #expect(reordered.configuration.bosID == 2 && reordered.configuration.eosID == 2)
    #expect(reordered.configuration.startingBOS == 2)
    for weight in model.reader.descriptions {
      let (before, after) = (try model.reader.tensor(weight), try reordered.reader.tensor(weight))
      guard ["embed.weight", "lm_head.weight"].contains(weight.name) else {
        #expect(after.values == before.values, "\(weight.name)")
        continue
      }
      let width = weight.shape[1]
      for (id, row) in Self.rows.enumerated() {
        #expect(after.values[(id * width)..<((id + 1) * width)] == before.values[(row * width)..<((row + 1) * width)])
      }
    }
  }

  @Test func onlyWeightsOfTorchscaleMayHaveADictionary() throws {
    for golden in GoldenCase.all where golden.description != "torchscale-a-fairseq" {
      let model = try golden.model()
      #expect(!model.hasFairseqIDs && model.mayHaveFairseqIDs == (model.family == .torchscale), "\(golden)")
    }
  }
}
