/// The Float64 scalar reference: each operation as plain loops, its backward directly below it.
///
/// Nothing here is fast and nothing is shared with the program, so an agreement proves something. Each function
/// states its formula and names its equation in docs/MATH.md.
package enum Reference {}
