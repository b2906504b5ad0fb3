internal import ArgumentParser
internal import Tensors
internal import Training

/// A choice among number formats: each can be given by its short name, which is the one that is printed, and by
/// PyTorch's.
protocol FormatArgument: ExpressibleByArgument, RawRepresentable where RawValue == String {}

extension FormatArgument {
  init?(argument: String) { self.init(rawValue: NumberFormat.fullNames[argument] ?? argument) }
}

extension NumberFormat: FormatArgument {}
extension TrainingPrecision: FormatArgument {}
