/// A request that has arrived completely.
package struct HTTPRequest: Sendable {
  /// In upper case: `GET`.
  package let method: String
  /// The path without the query, as sent.
  package let path: String
  /// What follows the `?` of the address; empty without one.
  package let query: String
  package let headers: [HTTPField]
  package let body: [UInt8]

  /// - Parameters:
  ///   - method: In upper case.
  ///   - target: Path and query, as in the first line of a request.
  ///   - headers: Names in any case.
  ///   - body: The bytes behind the headers.
  package init(method: String, target: String, headers: [HTTPField] = [], body: [UInt8] = []) {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    self.method = method
    path = parts.first.map(String.init) ?? ""
    query = parts.count > 1 ? String(parts[1]) : ""
    self.headers = headers
    self.body = body
  }

  /// The value of the first header with a name; upper and lower case are the same.
  package func header(_ name: String) -> String? {
    let name = name.lowercased()
    return headers.first { $0.name.lowercased() == name }?.value
  }
}

/// A header of a request or an answer.
package struct HTTPField: Sendable, Equatable {
  package let name: String
  package let value: String

  package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}
