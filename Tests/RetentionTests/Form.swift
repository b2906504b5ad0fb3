import Retention
import Tensors
import TestSupport

/// The three forms under test, the chunkwise one with its chunk length.
enum Form: CustomStringConvertible, Sendable {
  case recurrent
  case parallel
  case chunkwise(Int)

  var description: String {
    switch self {
    case .recurrent: "recurrent"
    case .parallel: "parallel"
    case .chunkwise(let length): "C\(length)"
    }
  }

  static func all(_ T: Int) -> [Form] { [.recurrent, .parallel] + (1...T + 2).map(Form.chunkwise) }
}

extension RetentionCase {
  /// Batches, shared and single heads, narrow and odd widths.
  static let batchesHeadsAndWidths = [
    RetentionCase(B: 2, T: 7, H: 4, G: 2, K: 3, V: 5), RetentionCase(B: 2, T: 7, H: 6, G: 6, K: 2, V: 1),
    RetentionCase(B: 3, T: 5, H: 3, G: 1, K: 1, V: 4), RetentionCase(B: 1, T: 8, H: 1, G: 1, K: 16, V: 32),
    RetentionCase(B: 2, T: 6, H: 2, G: 2, K: 17, V: 7),
  ]

  /// Two documents in each sequence, cut at other steps in each; in the second sequence the first began before.
  var twoDocuments: [[Int]] {
    (0..<B).map { Reference.documentStarts([2 + $0, T - 2 - $0], isContinued: $0 == 1) }
  }
}

extension RetentionInputs {
  var shape: RetentionShape {
    let (B, T, H, K) = q.shape4
    return RetentionShape(batch: B, time: T, heads: H, keyHeads: k.shape[2], keyWidth: K, valueWidth: v.shape[3])
  }

  /// The document starts as the program takes them; every negative one is -1 there.
  var documents: Indices? { documentStarts.map { Indices($0.joined().map { Int32(max($0, -1)) }) } }
}
