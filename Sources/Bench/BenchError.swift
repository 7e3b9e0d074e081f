import HostSystem
import Lab

/// Why a measurement could not be made.
public enum BenchError: Error {
  /// A system call or libbpf failed.
  case system(SystemError)
  /// The network of namespaces could not be built or used.
  case lab(LabError)
  /// A command of the director failed; what it said.
  case command([String], said: String)
  /// The packets did not fare as they must for the figures to mean anything.
  case invalid(String)
}

extension BenchError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .system(let error): "\(error)"
    case .lab(let error): "\(error)"
    case .command(let words, let said):
      "\(words.joined(separator: " ")) failed: \(said.isEmpty ? "it said nothing" : said)"
    case .invalid(let what): what
    }
  }
}

/// Runs what may fail with a ``SystemError`` where a ``BenchError`` is to be thrown.
func attempt<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(BenchError) -> R {
  do { return try body() } catch { throw .system(error) }
}

/// Runs what may fail with a ``LabError`` where a ``BenchError`` is to be thrown.
func building<R: ~Copyable>(_ body: () throws(LabError) -> R) throws(BenchError) -> R {
  do { return try body() } catch { throw .lab(error) }
}
