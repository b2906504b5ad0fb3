import EngineTestSupport
import Tensors
import TestSupport
import Testing

/// Products inside a task against the same products on the pool.
@Suite struct TaskProductsTests {
  @Test(
    arguments: [Transposition.second, .none, .first],
    // Small and ragged, then beyond what a worker packs at once in each direction, then nothing to sum.
    [(5, 7, 3), (64, 256, 128), (129, 33, 64), (40, 385, 70), (130, 390, 1030), (6, 9, 0)])
  func haveTheBitsOfTheProductOnThePool(transposed: Transposition, size: (Int, Int, Int)) {
    let (rows, columns, inner) = size
    var generator = SeededGenerator(seed: 11)
    let a = Inlay(.roundedNormal(transposed == .first ? [inner, rows] : [rows, inner], using: &generator))
    let b = Inlay(.roundedNormal(transposed == .second ? [columns, inner] : [inner, columns], using: &generator))
    let start = ReferenceTensor.roundedNormal([rows, columns], using: &generator)
    for usesPortableKernels in [false, true] {
      let pool = WorkerPool(threadCount: 2, usesPortableKernels: usesPortableKernels)
      let products = TaskProducts(.bfloat16, on: pool)
      for accumulate in [false, true] {
        let (own, shared) = (Inlay(start), Inlay(start))
        pool.run(1, with: (products, own.matrix, a.matrix, b.matrix)) { context, _, worker in
          let (products, c, a, b) = context
          products.multiply(c, a, b, transposed: transposed, accumulate: accumulate, worker: worker)
        }
        multiply(
          shared.matrix, a.matrix, b.matrix, transposed: transposed, accumulate: accumulate, precision: .bfloat16,
          on: pool)
        #expect(own.values == shared.values)
        #expect(own.isBorderIntact)
      }
    }
  }

  @Test func ofFloat32AreThoseOfTheCallingThread() {
    let pool = WorkerPool(threadCount: 1)
    var generator = SeededGenerator(seed: 12)
    let (a, b) = (
      Tensor(.roundedNormal([9, 70], using: &generator)), Tensor(.roundedNormal([70, 11], using: &generator))
    )
    let (found, expected) = (Tensor.poison(Shape(9, 11)), Tensor.poison(Shape(9, 11)))
    TaskProducts(.float32, on: pool).multiply(
      Matrix(found), Matrix(a), Matrix(b), transposed: .none, accumulate: false, worker: 0)
    multiplyHere(Matrix(expected), Matrix(a), Matrix(b), transposed: .none, accumulate: false)
    #expect(found.bits == expected.bits)
  }
}
