/// An error in the form of the OpenAI API.
package struct ErrorBody: Error, Sendable, Equatable {
  package var status: Int
  package var message: String
  /// The field at fault; nil: none.
  package var parameter: String?
  package var code: String?

  package init(status: Int, message: String, parameter: String? = nil, code: String? = nil) {
    self.status = status
    self.message = message
    self.parameter = parameter
    self.code = code
  }

  /// What kind of error the status means.
  package var type: String {
    switch status {
    case 429: "rate_limit_error"
    case 500...: "server_error"
    default: "invalid_request_error"
    }
  }

  /// A JSON object.
  package var bytes: [UInt8] {
    let text =
      "{\"error\":{\"message\":\(message.inJSON),\"type\":\"\(type)\",\"param\":\(parameter.map(\.inJSON) ?? "null"),"
      + "\"code\":\(code.map(\.inJSON) ?? "null")}}"
    return Array(text.utf8)
  }
}

extension String {
  /// The text as a JSON string, with its quotation marks.
  package var inJSON: String {
    if utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) { return "\"\(self)\"" }
    var quoted = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
