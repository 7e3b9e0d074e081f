/// Why a command line was refused, as ipvsadm tells it.
enum CommandError: Error, Equatable {
  /// The words are wrong: one line on stderr, exit status 2; a restore ends here.
  case misuse(String)
  /// The words make no command at all: a pointer to the help, exit status 255; a restore ends here.
  case notACommand
  /// An option is unknown or lacks its argument: one line, exit status 255; a restore goes on with the next line.
  case badOption(String)
}
