internal import ArgumentParser
internal import Modeling

/// The program that `--to` writes for.
struct ExportTarget: ExpressibleByArgument {
  let family: ForeignFamily

  /// The name of flash-linear-attention's folder, which transformers loads.
  static let huggingFace = "huggingface"
  static var allValueStrings: [String] {
    [huggingFace] + ForeignFamily.targets.map(\.name).filter { $0 != ForeignFamily.fla.name }
  }

  static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }

  init?(argument: String) {
    let name = argument == Self.huggingFace ? ForeignFamily.fla.name : argument
    guard let family = ForeignFamily.targets.first(where: { $0.name == name }) else { return nil }
    self.family = family
  }
}

/// A number of bytes on the command line: `500MB`, `5GB`, `1GiB` or `123456`.
struct ByteSize: ExpressibleByArgument {
  let byteCount: Int

  private static let units: [(String, Int)] = [
    ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000),
    ("b", 1), ("", 1),
  ]

  init?(argument: String) {
    let word = argument.lowercased()
    guard let (unit, size) = Self.units.first(where: { word.hasSuffix($0.0) }),
      let number = Double(word.dropLast(unit.count)), number > 0, number * Double(size) < 0x1p62
    else { return nil }
    byteCount = Int(number * Double(size))
  }
}
