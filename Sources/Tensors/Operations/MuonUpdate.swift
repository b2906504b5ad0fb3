internal import CKernels
internal import COpenBLAS

/// How the momentum of a matrix becomes the direction of its update: a matrix with nearly orthogonal rows.
package enum Orthogonalization: Sendable, Equatable {
  /// Muon: iterations of Newton and Schulz bring all singular values near 1 (docs/MATH.md, eq. 33).
  case newtonSchulz(iterations: Int)
  /// MUD: one triangular solve removes from each row what it shares with the rows before it (docs/MATH.md, eq. 34).
  case triangular
}

/// A matrix with its momentum and its gradient, all [rows, columns].
package struct MuonMatrix: Sendable {
  let parameter: Tensor
  let momentum: Tensor
  let gradient: Tensor

  package init(_ parameter: Tensor, momentum: Tensor, gradient: Tensor) {
    precondition(
      parameter.shape.rank == 2 && momentum.shape == parameter.shape && gradient.shape == parameter.shape,
      "MuonMatrix: \(parameter.shape), momentum \(momentum.shape), gradient \(gradient.shape)")
    (self.parameter, self.momentum, self.gradient) = (parameter, momentum, gradient)
  }

  /// What an update costs, for the order of the tasks: the operations of one product with the smaller Gram matrix.
  package var cost: Int { parameter.count * min(parameter.shape[0], parameter.shape[1]) }

  /// The root mean square of the update per unit of learning rate, as that of AdamW's updates: Liu et al.,
  /// arXiv 2502.16982, section 2.2.
  fileprivate static let updateSize: Float = 0.2
}

/// The constants of one Muon update (docs/MATH.md, eq. 33).
package struct MuonConstants: Sendable {
  /// Factor of the gradient when it is read: gradient clipping.
  package var gradientScale: Float
  package var learningRate: Float
  /// Decay of the momentum.
  package var momentum: Float
  /// Decoupled weight decay per unit of learning rate.
  package var weightDecay: Float
  /// Which numbers decay.
  package var decayed: DecayedNumbers
  package var orthogonalization: Orthogonalization

  package init(
    gradientScale: Float, learningRate: Float, momentum: Float, weightDecay: Float, decayed: DecayedNumbers,
    orthogonalization: Orthogonalization
  ) {
    self.gradientScale = gradientScale
    self.learningRate = learningRate
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.decayed = decayed
    self.orthogonalization = orthogonalization
  }
}

/// The memory of `updateMuon`: for each worker, room for the largest matrix.
package struct MuonMemory: Sendable {
  fileprivate let rooms: Tensor

  /// - Parameters:
  ///   - shapes: The shapes of the matrices; without any, nothing is allocated.
  ///   - workers: The number of threads of the pool.
  package init(_ shapes: [Shape], workers: Int) { rooms = Tensor(Shape(workers, Self.roomCount(shapes))) }

  /// The bytes that `init` allocates.
  package static func byteCount(_ shapes: [Shape], workers: Int) -> Double {
    Tensor.byteCount(workers * roomCount(shapes))
  }

  /// Two matrices [m, n] and two squares [m, m], m ≤ n.
  private static func roomCount(_ shapes: [Shape]) -> Int {
    shapes.reduce(0) { max($0, 2 * $1.count + 2 * min($1[0], $1[1]) * min($1[0], $1[1])) }
  }
}

/// One Muon update of each matrix: changes the parameters and momenta in place (docs/MATH.md, eq. 33 and 34).
///
/// A matrix is one task, so the bits are the same for any number of threads.
///
/// - Parameters:
///   - matrices: The matrices; the longest tasks should be first.
///   - constants: The constants of this update.
///   - memory: Room for these matrices and the threads of the pool.
///   - precision: The format in which products read their operands. The triangular solve is Float32 in any case.
///   - pool: Where the tasks run.
package func updateMuon(
  _ matrices: [MuonMatrix], _ constants: MuonConstants, memory: MuonMemory, precision: ProductPrecision,
  on pool: WorkerPool
) {
  let products = TaskProducts(precision, on: pool)
  pool.run(matrices.count, with: (matrices, constants, memory, products)) { context, index, worker in
    let (matrices, constants, memory, products) = context
    MuonTask(matrices[index].parameter.shape, in: memory, worker: worker, products).update(matrices[index], constants)
  }
}

/// The update of one matrix on the calling thread. It works on a matrix [m, n] with m ≤ n, or on its transpose.
private struct MuonTask {
  /// m, n: the shorter and the longer side.
  private let (short, long): (Int, Int)
  private let isTransposed: Bool
  /// [m, n].
  private let direction: Tensor
  /// [m, n], overwritten.
  private let spare: Tensor
  /// [m, m], overwritten.
  private let (gram, polynomial): (Tensor, Tensor)
  private let products: TaskProducts
  private let worker: Int

  init(_ shape: Shape, in memory: MuonMemory, worker: Int, _ products: TaskProducts) {
    (short, long) = (min(shape[0], shape[1]), max(shape[0], shape[1]))
    isTransposed = shape[0] > shape[1]
    let room = memory.rooms.view(Shape(memory.rooms.shape[1]), at: worker * memory.rooms.shape[1])
    let (whole, square) = (short * long, short * short)
    direction = room.view(Shape(short, long))
    spare = room.view(Shape(short, long), at: whole)
    gram = room.view(Shape(short, short), at: 2 * whole)
    polynomial = room.view(Shape(short, short), at: 2 * whole + square)
    self.products = products
    self.worker = worker
  }

  func update(_ matrix: MuonMatrix, _ constants: MuonConstants) {
    let count = Int64(short * long)
    // The momentum has the layout of the parameter.
    unsafe rn_nesterov(
      (isTransposed ? spare : direction).pointer, matrix.momentum.pointer, matrix.gradient.pointer, count,
      constants.gradientScale, constants.momentum)
    if isTransposed { unsafe rn_transpose(direction.pointer, spare.pointer, Int64(long), Int64(short)) }
    switch constants.orthogonalization {
    case .newtonSchulz(let iterations): iterateNewtonSchulz(iterations)
    case .triangular: decorrelateRows()
    }
    if isTransposed { unsafe rn_transpose(spare.pointer, direction.pointer, Int64(short), Int64(long)) }
    unsafe rn_descend(
      matrix.parameter.pointer, (isTransposed ? spare : direction).pointer, count,
      constants.learningRate * MuonMatrix.updateSize * Float(long).squareRoot(),
      constants.learningRate * constants.weightDecay, constants.decayed.leastAgreement)
  }

  /// The coefficients of X ← a X + b (XXᵀ) X + c (XXᵀ)² X, by which small singular values grow fast. Source: Keller
  /// Jordan's Muon.
  private static let coefficients: (a: Float, b: Float, c: Float) = (3.4445, -4.7750, 2.0315)
  /// Added to norms, so that a matrix of zeros stays one.
  private static let smallestNorm: Float = 1e-7

  private func iterateNewtonSchulz(_ iterations: Int) {
    let (a, b, c) = Self.coefficients
    let (whole, square) = (Int64(short * long), Int64(short * short))
    let norm = unsafe Float(rn_sum_of_squares(direction.pointer, whole).squareRoot())
    unsafe rn_scale(direction.pointer, 1 / (norm + Self.smallestNorm), whole)
    for _ in 0..<iterations {
      multiply(gram, direction, direction, transposed: .second)
      // The Gram matrix is symmetric.
      multiply(polynomial, gram, gram, transposed: .second)
      unsafe rn_weighted_sum(polynomial.pointer, polynomial.pointer, gram.pointer, c, b, square)
      multiply(spare, polynomial, direction, transposed: .none)
      unsafe rn_weighted_sum(direction.pointer, direction.pointer, spare.pointer, a, 1, whole)
    }
  }

  /// Q: the rows of the direction, each of norm 1. Solves T Q' = Q for the lower triangle T of Q Qᵀ, whose diagonal is
  /// 1, and gives the rows of Q' norm 1.
  private func decorrelateRows() {
    normalizeRows()
    multiply(gram, direction, direction, transposed: .second)
    unsafe cblas_strsm(
      CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasUnit, CInt(short), CInt(long), 1, gram.pointer,
      CInt(short), direction.pointer, CInt(long))
    normalizeRows()
  }

  private func normalizeRows() {
    for row in 0..<short {
      let numbers = unsafe direction.pointer + row * long
      let norm = unsafe Float(rn_sum_of_squares(numbers, Int64(long)).squareRoot())
      unsafe rn_scale(numbers, 1 / (norm + Self.smallestNorm), Int64(long))
    }
  }

  private func multiply(_ c: Tensor, _ a: Tensor, _ b: Tensor, transposed: Transposition) {
    products.multiply(
      Matrix(c), Matrix(a), Matrix(b), transposed: transposed, accumulate: false, worker: worker)
  }
}
