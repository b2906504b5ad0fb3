import Foundation
import Testing

extension CommandRuns {
  /// Where a tokenizer is asked for, the one inside a model serves: to pack the texts that the model is fine-tuned on.
  @Suite struct TokenizerSourceTests {
    @Test func aModelGivesItsTokenizer() throws {
      let workspace = try Workspace()
      let expected = try workspace.result("tokenize encode -m tokenizer.model text.txt")
      #expect(try workspace.result("tokenize encode -m model.safetensors text.txt") == expected)
      _ = try workspace.result("tokenize pack -m model.safetensors --input text.txt -o packed.tokens")
      _ = try workspace.result("tokenize pack -m tokenizer.model --input text.txt -o expected.tokens")
      #expect(try workspace.bytes("packed.tokens") == workspace.bytes("expected.tokens"))
    }

    @Test func aRunFolderGivesTheTokenizerOfItsModel() throws {
      let workspace = try Workspace()
      _ = try workspace.result("train --config config.yaml -o run --max-steps 1 -q")
      let expected = try workspace.result("tokenize encode -m tokenizer.model text.txt")
      #expect(try workspace.result("tokenize encode -m run text.txt") == expected)
    }
  }
}
