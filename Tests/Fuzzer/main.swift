import CFuzzer
import Checkpoints
import Glibc
import Tokenization

// Gives one of the readers of hostile files inputs that libFuzzer makes by the coverage of the code
// (scripts/fuzz-coverage.sh): Fuzzer safetensors|pytorch|sentencepiece [libFuzzer's options and folders].

/// Reads an input and drops what comes of it: libFuzzer looks for what ends the process.
typealias Reader = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

/// The bytes of an input.
func copied(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
}

/// The header of a safetensors file.
let safetensors: Reader = { bytes, count in
  let file = unsafe copied(bytes, count)
  _ = try? SafetensorsHeader(path: "input", fileByteCount: file.count) { Array(file[$0]) }
  return 0
}

/// A PyTorch file: a zip archive with a pickle, or pickles one after the other.
let pyTorch: Reader = { bytes, count in
  let file = unsafe copied(bytes, count)
  _ = try? TorchHeader(path: "input", fileByteCount: file.count) { Array(file[$0]) }
  return 0
}

/// A SentencePiece model, which also encodes and decodes a text.
let sentencePiece: Reader = { bytes, count in
  guard let tokenizer = try? Tokenizer(model: unsafe copied(bytes, count), path: "input") else { return 0 }
  guard let ids = try? tokenizer.encode(Array("The light é \u{2581} 1,000\n".utf8)) else { return 0 }
  _ = try? tokenizer.decode(ids)
  return 0
}

let readers: [(name: String, read: Reader)] = unsafe [
  ("safetensors", safetensors), ("pytorch", pyTorch), ("sentencepiece", sentencePiece),
]

let name = CommandLine.arguments.dropFirst().first
guard let reader = unsafe readers.first(where: { unsafe $0.name == name }), fuzzer_is_there() == 1 else {
  print("built with --sanitize fuzzer: Fuzzer safetensors|pytorch|sentencepiece [libFuzzer's options]")
  exit(64)
}
// libFuzzer gets the arguments without the reader's name.
let places = [0] + (2..<Int(CommandLine.argc))
var arguments = unsafe places.map { unsafe CommandLine.unsafeArgv[$0] } + [nil]
exit(unsafe fuzzer_run(CommandLine.argc - 1, &arguments, reader.read))
