import EngineTestSupport
import Modeling
import Tensors
import TestSupport
import Testing

/// Expects that the gradients of all weights are close to those of the reference.
///
/// Weights of a single number are compared together: alone, a sum that nearly cancels has no size to compare with.
///
/// - Parameters:
///   - gradients: The gradients under test.
///   - expected: Those of the reference, by name.
///   - ratio: The largest allowed `rmsRatio`.
///   - name: What is compared, for the message.
func expectGradients(
  _ gradients: Parameters, _ expected: [String: ReferenceTensor], ratio: Double, _ name: String
) {
  #expect(gradients.descriptions.map(\.name).sorted() == expected.keys.sorted())
  var (found, wanted): ([Float], [Double]) = ([], [])
  for description in gradients.descriptions {
    guard let gradient = expected[description.name] else { continue }
    let tensor = gradients.tensor(description)
    if gradient.count == 1 {
      found += tensor.values
      wanted += gradient.values
    } else {
      expectClose(tensor, gradient, ratio: ratio, "\(description.name), \(name)")
    }
  }
  if !found.isEmpty { expectClose(found, wanted, ratio: ratio, "scalars, \(name)") }
}
