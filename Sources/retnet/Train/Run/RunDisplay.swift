/// How a run shows its progress and says how it is resumed: alone, or as one of several.
struct RunDisplay {
  /// The beginning of the progress line.
  var label = "train"
  /// What to do after a stop.
  var resumeAdvice = "resume with --resume auto"
  /// The seconds until the last of several runs ends, given the step at which this process began with the run and the
  /// last finished step; nil for a run that is alone, and as long as nothing can be said.
  var secondsLeft: (_ begun: Int, _ step: Int) -> Double? = { _, _ in nil }
}
