internal import ArgumentParser
internal import Corpora
internal import Files

/// `retnet tokenize export` writes the ids of a token file for another program.
struct TokenizeExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a token file as a .bin file of llm.c, modded-nanogpt or nanoGPT.",
    discussion: """
      Examples:
        retnet tokenize export train.tokens -o train.bin
        retnet tokenize export train.tokens --format nanogpt -o train.bin

      llm.c and modded-nanogpt have EOS before each document, nanoGPT behind it. A loss mask is refused.
      """)

  @OptionGroup var global: GlobalOptions

  @Argument(help: "Token file.", completion: .file())
  var file: String

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Where to write the ids.", valueName: "train.bin"),
    completion: .file())
  var output: String

  @Option(help: "What to write; modded-nanogpt reads the format of llm.c.")
  var format = BinFormat.llmC

  func validate() throws { try CommandFiles().reading("FILE", file).writing("--output", output).check() }

  func run() throws {
    try FileRole.tokenFile.check(file)
    let tokens = try TokenFile(path: file)
    try tokens.export(to: output, format: format)
    global.say(
      "\(StreamPath.outputName(output)): \(grouped(tokens.count)) tokens, \(grouped(tokens.documentCount)) documents, "
        + "\(format.rawValue)")
  }
}
