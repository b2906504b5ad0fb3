internal import ArgumentParser

/// `retnet tokenize` trains tokenizers and converts between text and ids.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Train a tokenizer, encode and decode text, write token files, compare tokenizers.",
    discussion: """
      Examples:
        retnet tokenize train --input train.txt --vocab-size 4096 -o tokenizer.model
        retnet tokenize pack -m tokenizer.model --input train.txt -o train.tokens
      """,
    subcommands: [
      TokenizeTrain.self, TokenizeEncode.self, TokenizeDecode.self, TokenizePack.self, TokenizeImport.self,
      TokenizeExport.self, TokenizeStats.self,
    ])
}
