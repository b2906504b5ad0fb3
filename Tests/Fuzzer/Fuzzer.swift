import Checkpoints
import Glibc
import Tokenization

// Gives one of the readers of hostile files inputs that libFuzzer makes by the coverage of the code
// (scripts/fuzz-coverage.sh). The variable READER names it: safetensors, pytorch or sentencepiece.

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

private let reader: Reader? =
  switch unsafe getenv("READER").map({ unsafe String(cString: $0) }) {
  case "safetensors": unsafe safetensors
  case "pytorch": unsafe pyTorch
  case "sentencepiece": unsafe sentencePiece
  default: nil
  }

/// What libFuzzer's loop calls.
@_cdecl("LLVMFuzzerTestOneInput")
public func readOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let reader = unsafe reader else {
    print("READER: expected safetensors, pytorch or sentencepiece")
    exit(64)
  }
  return unsafe reader(bytes, count)
}

/// What runs without libFuzzer, which has a main of its own.
@main
enum Fuzzer {
  static func main() {
    print("built without libFuzzer: scripts/fuzz-coverage.sh builds with it")
    exit(64)
  }
}
