/// What a listing shows of each server; of several asked for, the first here wins.
enum Layout: Sendable {
  case stats, rate, thresholds, persistentConnections, tunnels, plain

  init(_ options: CommandOptions) {
    let choices: [(CommandOption, Layout)] = [
      (.stats, .stats), (.rate, .rate), (.thresholds, .thresholds),
      (.persistentConnections, .persistentConnections), (.tunnelInfo, .tunnels),
    ]
    self = choices.first { options.contains($0.0) }?.1 ?? .plain
  }

  /// The two lines above the services.
  var header: String {
    switch self {
    case .stats:
      """
      Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
        -> RemoteAddress:Port

      """
    case .rate:
      """
      Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
        -> RemoteAddress:Port

      """
    case .thresholds:
      """
      Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n\
        -> RemoteAddress:Port

      """
    case .persistentConnections:
      """
      Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n\
        -> RemoteAddress:Port

      """
    case .tunnels:
      """
      Prot LocalAddress:Port Scheduler Flags
        -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn

      """
    case .plain:
      """
      Prot LocalAddress:Port Scheduler Flags
        -> RemoteAddress:Port           Forward Weight ActiveConn InActConn

      """
    }
  }
}
