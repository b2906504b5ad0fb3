internal import Dispatch
internal import Files
internal import FoundationEssentials
internal import Inference
internal import Serving
internal import Tensors

/// Named states: those in memory are on the shelf of the model's thread, files are read and written on another one.
extension ModelThread {
  func loaded(_ name: String, _ result: Result<NamedState, ErrorBody>, _ then: Deferred) {
    let reply =
      switch then {
      case .completion(_, let reply), .answer(let reply): reply
      }
    switch result {
    case .failure(let error): return reply.error(error)
    case .success(let state): guard shelf.put(name, state) else { return reply.error(noRoom) }
    }
    switch then {
    case .completion(let job, let reply): start(job, reply)
    case .answer(let reply): reply.json(shelf.description(of: name))
    }
  }

  var noRoom: ErrorBody {
    ErrorBody(
      status: 429, message: "expected at most \(limits.states) states in memory; save or delete one",
      code: "too_many_states")
  }

  func unknown(_ name: String) -> ErrorBody {
    ErrorBody(
      status: 404, message: "state: found none with the name \(name)", parameter: "state", code: "state_not_found")
  }

  func answer(_ request: StateRequest, _ reply: ServerReply) {
    switch request {
    case .list:
      reply.json(.object(["object": .text("list"), "data": .list(shelf.names.map { shelf.description(of: $0) })]))
    case .show(let name):
      guard shelf[name] != nil || shelf.hasFile(name) else { return reply.error(unknown(name)) }
      reply.json(shelf.description(of: name))
    case .delete(let name): delete(name, reply)
    case .fork(let name, let other):
      guard let state = shelf[name] else { return reply.error(unknown(name)) }
      guard shelf[other] == nil, !shelf.hasFile(other) else {
        return reply.error(
          ErrorBody(status: 409, message: "to: found a state \(other) already", parameter: "to", code: "state_exists"))
      }
      let fork = NamedState(progress: state.progress, recent: state.recent, created: now)
      guard shelf.put(other, fork) else { return reply.error(noRoom) }
      reply.json(shelf.description(of: other))
    case .save(let name): save(name, reply)
    case .load(let name): load(name, then: .answer(reply), reply)
    }
  }

  private func delete(_ name: String, _ reply: ServerReply) {
    let wasInMemory = shelf.remove(name)
    let hadFile = shelf.hasFile(name)
    guard wasInMemory || hadFile else { return reply.error(unknown(name)) }
    do {
      if hadFile, let path = shelf.path(of: name) { try removeFile(path: path) }
      reply.json(.object(["id": .text(name), "object": .text("state"), "deleted": .boolean(true)]))
    } catch {
      reply.error(ErrorBody(status: 500, message: "\(error)"))
    }
  }

  private static let noFolder = ErrorBody(
    status: 400, message: "expected a server with --state-dir, found none: states are in memory only")

  private func save(_ name: String, _ reply: ServerReply) {
    guard let state = shelf[name] else { return reply.error(unknown(name)) }
    guard let path = shelf.path(of: name) else { return reply.error(Self.noFolder) }
    let (model, mailbox) = (model, mailbox)
    files.async {
      let result = Result<Void, any Error> {
        let saved = SavedState(
          progress: state.progress, random: 0, modelDigest: try model.digest(), tokenizerDigest: model.tokenizerDigest)
        try saved.write(to: path, format: .float32)
      }.mapError { ErrorBody(status: 500, message: "\($0)") }
      mailbox.post(.saved(name, state, result, reply))
    }
  }

  /// Reads a state from the folder, and then does what waits for it.
  func load(_ name: String, then: Deferred, _ reply: ServerReply) {
    guard shelf.hasFile(name), let path = shelf.path(of: name) else {
      if shelf.folder == nil, case .answer = then { return reply.error(Self.noFolder) }
      return reply.error(unknown(name))
    }
    let (model, mailbox, chunkLength, created) = (model, mailbox, served.chunkLength, now)
    files.async {
      let result = Result<NamedState, any Error> {
        let saved = try model.state(StateFile(path: path))
        guard saved.progress.chunkLength == chunkLength else {
          throw ErrorBody(
            status: 400,
            message: "\(name): expected a chunk length of \(chunkLength), found \(saved.progress.chunkLength)")
        }
        return NamedState(
          progress: saved.progress, recent: (saved.recent ?? []).filter { $0 >= 0 }, created: created, isSaved: true)
      }.mapError { $0 as? ErrorBody ?? ErrorBody(status: 400, message: "\($0)", parameter: "state") }
      mailbox.post(.loaded(name, result, then: then))
    }
  }

  var now: Int { Int(Date().timeIntervalSince1970) }
}
