internal import Tensors

/// Counts the memory of all tensors, buffers and indices that a value holds, each block once.
///
/// - Parameters:
///   - value: Walked through its stored properties.
///   - others: What these hold does not count.
/// - Returns: Bytes.
package func storedBytes(of value: Any, besides others: Any...) -> Double {
  var seen: [ObjectIdentifier: Double] = [:]
  for other in others { visit(other, &seen) }
  let before = seen.values.reduce(0, +)
  return visit(value, &seen) + seen.values.reduce(0, +) - before
}

/// Notes each block; returns the bytes of indices, which do not tell their block.
@discardableResult
private func visit(_ value: Any, _ seen: inout [ObjectIdentifier: Double]) -> Double {
  switch value {
  case let storage as Storage: seen[ObjectIdentifier(storage)] = 4 * Double(storage.count)
  case let buffer as DoubleBuffer: seen[ObjectIdentifier(buffer)] = 8 * Double(buffer.count)
  case let indices as Indices: return 4 * Double(indices.count)
  // It has packing memory, which is touched as needed.
  case is WorkerPool: return 0
  default: return Mirror(reflecting: value).children.reduce(0) { $0 + visit($1.value, &seen) }
  }
  return 0
}
