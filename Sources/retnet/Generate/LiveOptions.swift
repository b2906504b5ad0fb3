internal import ArgumentParser
internal import Files

/// The two interactive modes of `generate`: `-i` and `--follow`.
struct LiveOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Continue what is typed at the terminal, line after line; /help lists commands.")
  var interactive = false

  @Flag(help: "Read standard input without end, and print the bits per byte of each line as it comes.")
  var follow = false

  /// Throws if options cannot be used together.
  ///
  /// - Throws: `ValidationError`.
  func check(
    _ prompt: PromptOptions, _ several: BatchOptions, json: Bool, hasStops: Bool, hasLogProbabilities: Bool
  ) throws {
    let isSeveral = several.prompts != nil || several.numSamples > 1 || several.beams > 1
    let hasPrompt = prompt.isGiven
    for (isGiven, reason) in [
      (interactive && follow, "'--interactive' and '--follow' cannot be used together"),
      (
        interactive && (isSeveral || json || hasLogProbabilities),
        "'--interactive' cannot be used with '--prompts', '--num-samples', '--beams' or '--json'"
      ),
      (
        interactive && (prompt.prompt == "-" || prompt.file == "-"),
        "'--interactive' reads standard input itself; it cannot be used with '-p -' or '-f -'"
      ),
      (
        follow && (isSeveral || hasPrompt || prompt.displayPrompt),
        "'--follow' cannot be used with '-p', '-f', '--prompts', '--num-samples' or '--beams'"
      ),
      (follow && (hasStops || hasLogProbabilities), "'--follow' cannot be used with '--stop' or '--logprobs'"),
      (
        interactive && !LineEditor.isPossible,
        "--interactive: expected a terminal as standard input and standard error, found none; "
          + "'-p -' reads a prompt from a pipe, '--follow' lines"
      ),
    ] where isGiven { throw ValidationError(reason) }
  }
}
