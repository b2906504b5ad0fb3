/// The networks that the report compares. They differ in the type of the layers, and in the width of the feed-forward
/// part that gives as many weights.
enum PaperArchitecture: String, CaseIterable {
  case retnet
  case transformer
  case linear

  /// The name in prose, tables and charts.
  var name: String {
    switch self {
    case .retnet: "RetNet"
    case .transformer: "Transformer"
    case .linear: "linear attention"
    }
  }

  /// What sets the network, as `--set` takes it.
  ///
  /// All have 12 D² weights in a layer, as in the paper: a RetNet 8 D² in retention, whose values are twice as wide, and
  /// 4 D² in the feed-forward part; the others 4 D² and 8 D².
  func settings(_ size: PaperSize) -> [String] {
    let (width, F) = (size.width, self == .retnet ? 4 * size.width / 3 : 8 * size.width / 3)
    let common = [
      "width=\(width)", "layers=\(size.layers)", "feed_forward_width=\(F)", "tied_head=true", "zero_init_output=true",
    ]
    let own =
      switch self {
      case .retnet: ["heads=\(size.heads)", "value_width=\(2 * width)", "head_norm_weight=none"]
      case .transformer: ["layer_types=attention", "attention.heads=\(size.heads)"]
      case .linear: ["layer_types=linear_attention", "attention.heads=\(size.heads)"]
      }
    return (common + own).map { "model." + $0 }
  }
}

/// The size of a network; its width is a multiple of three, so that feed-forward widths are whole numbers.
package struct PaperSize: Equatable, Sendable {
  let width: Int
  let layers: Int
  let heads: Int

  package init(width: Int, layers: Int, heads: Int) {
    (self.width, self.layers, self.heads) = (width, layers, heads)
  }

  /// The beginning of the names of its experiments.
  var name: String { "d\(width)-l\(layers)" }
}
