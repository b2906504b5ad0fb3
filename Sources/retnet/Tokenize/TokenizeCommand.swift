internal import ArgumentParser

/// `retnet tokenize`: from text to ids and back.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Train a tokenizer, encode, decode, pack texts into token files.",
    discussion: """
      Examples:
        retnet tokenize train --input train.txt --vocab-size 4096 -o tokenizer.model
        retnet tokenize pack -m tokenizer.model --input train.txt -o train.tokens
      """,
    subcommands: [TokenizeTrain.self, TokenizeEncode.self, TokenizeDecode.self, TokenizePack.self])
}
