internal import ArgumentParser
internal import Files

/// The two ways in which `generate` lives with its input.
struct LiveOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Continue what is typed at the terminal, line after line; /help there tells more.")
  var interactive = false

  @Flag(help: "Read standard input without end, and print the bits per byte of each line as it comes.")
  var follow = false

  /// Refuses what does not go together.
  ///
  /// - Throws: `ValidationError`.
  func check(
    _ prompt: PromptOptions, _ several: SeveralOptions, json: Bool, hasStops: Bool, hasLogProbabilities: Bool
  ) throws {
    let isSeveral = several.prompts != nil || several.numSamples > 1 || several.beams > 1
    let hasPrompt = prompt.prompt != nil || prompt.file != nil
    for (isGiven, reason) in [
      (interactive && follow, "'--interactive' and '--follow' exclude each other"),
      (
        interactive && (isSeveral || json || hasLogProbabilities),
        "'--interactive' excludes '--prompts', '--num-samples', '--beams' and '--json'"
      ),
      (
        interactive && (prompt.prompt == "-" || prompt.file == "-"),
        "'--interactive' reads standard input itself; it excludes '-p -' and '-f -'"
      ),
      (
        follow && (isSeveral || hasPrompt || prompt.displayPrompt),
        "'--follow' reads standard input; it excludes '-p', '-f', '--prompts', '--num-samples' and '--beams'"
      ),
      (follow && (hasStops || hasLogProbabilities), "'--follow' excludes '--stop' and '--logprobs'"),
      (
        interactive && !LineEditor.isPossible,
        "--interactive: expected a terminal as standard input and standard error, found none; "
          + "'-p -' reads a prompt from a pipe, '--follow' lines"
      ),
    ] where isGiven { throw ValidationError(reason) }
  }
}
