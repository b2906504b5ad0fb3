/// A token file of a run, with its share of the training sequences.
package struct TrainingFile: Sendable {
  package let file: TokenFile
  /// Relative to the weights of the other files, above 0.
  package let weight: Double

  /// - Parameters:
  ///   - file: The ids.
  ///   - weight: nil: its number of ids, so that each id of all files counts the same.
  package init(_ file: TokenFile, weight: Double? = nil) {
    self.file = file
    self.weight = weight ?? max(1, Double(file.count))
  }
}

extension [TrainingFile] {
  /// Distributes rows by the weights: at least one for each file, the rest to the file that lacks most.
  ///
  /// - Parameter count: The number of rows, at least as many as files.
  /// - Returns: How many rows each file gets.
  func rows(of count: Int) -> [Int] {
    precondition(self.count <= count, "\(count) rows for \(self.count) files")
    let sum = reduce(0) { $0 + $1.weight }
    var rows = [Int](repeating: 1, count: self.count)
    for _ in self.count..<count {
      let missing = indices.map { self[$0].weight / sum * Double(count) - Double(rows[$0]) }
      rows[missing.indices.max { missing[$0] < missing[$1] } ?? 0] += 1
    }
    return rows
  }
}
