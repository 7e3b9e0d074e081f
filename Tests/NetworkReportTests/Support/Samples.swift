/// What the instruments printed on a network of two namespaces, shortened.
enum Samples {
  static let throughput = """
    {
    	"start":	{"connected":	[{"socket":	7, "local_host":	"10.77.0.1", "local_port":	35272}], "version":	"svs 0.1.0"},
    	"intervals":	[{
    			"streams":	[{"socket":	7, "start":	0, "end":	0.501542, "seconds":	0.501542, "bytes":	626524160,
    					"bits_per_second":	9993566401.2, "retransmits":	1137, "snd_cwnd":	1711536, "snd_wnd":	24544256,
    					"rtt":	446, "rttvar":	410, "pmtu":	1500, "omitted":	false, "sender":	true}],
    			"sum":	{"start":	0, "end":	0.501542, "seconds":	0.501542, "bytes":	626524160,
    				"bits_per_second":	9993566401.2, "retransmits":	1137, "omitted":	false, "sender":	true}
    		}, {
    			"streams":	[{"socket":	7, "start":	0.501542, "end":	1.002254, "seconds":	0.500712, "bytes":	673841152,
    					"bits_per_second":	10766127466.4, "retransmits":	90, "snd_cwnd":	993328, "rtt":	148, "omitted":	false}],
    			"sum":	{"start":	0.501542, "end":	1.002254, "seconds":	0.500712, "bytes":	673841152,
    				"bits_per_second":	10766127466.4, "retransmits":	90, "omitted":	false, "sender":	true}
    		}],
    	"end":	{
    		"sum_sent":	{"start":	0, "end":	1.002254, "seconds":	1.002254, "bytes":	1300365312,
    			"bits_per_second":	10379527042.0, "retransmits":	1227, "sender":	true},
    		"sum_received":	{"start":	0, "end":	1.002711, "seconds":	1.002711, "bytes":	1300365312,
    			"bits_per_second":	10374796422.8, "sender":	true},
    		"sender_tcp_congestion":	"bbr"
    	}
    }
    """

  static let echo = """
    {"schema": {"name": "svs.bench.throughput", "version": 1}, "series": [
      {"name": "throughput", "subject": "client to server", "samples": [1, 2], "unit": "bit/s"},
      {"name": "round trip", "subject": "idle", "samples": [0.0002, 0.00018, 0.0004], "unit": "s"},
      {"name": "round trip", "subject": "under load", "samples": [0.0005, 0.001, 0.0003, "nan"], "unit": "s"}]}
    """

  static let latency = """
    {"result": {"paths": [{"failures": 1, "url": "http://10.77.0.2:8000/", "probes": [
      {"address": "10.77.0.2", "connections": 1, "contentBytes": 74, "httpVersion": "1.1", "start": 7e-06, "status": 200,
        "times": {"time_appconnect": 0, "time_connect": 0.000525, "time_namelookup": 2.7e-05,
          "time_pretransfer": 0.000543, "time_starttransfer": 0.002132, "time_total": 0.002138}},
      {"connections": 1, "error": "connection refused", "times": {"time_total": 0.0001}},
      {"status": 503, "times": {"time_connect": 0.0003, "time_starttransfer": 0.0009, "time_total": 0.001}}
    ]}]}}
    """

  static let load = """
    {"outcomes": [{"failures": 2, "kinds": {"status 200": 9630}, "subject": "all requests", "total": 9632}],
     "result": {"errors": [{"name": "/", "method": "GET", "problem": "timed out", "count": 2}], "seconds": 1.00186,
      "perSecond": [{"failures": 0, "requests": 451, "time": 1795315597},
        {"failures": 2, "requests": 9181, "time": 1795315598}],
      "processorSeconds": 0.588729, "users": 16,
      "tasks": [{"method": "GET", "name": "/", "requests": 9632, "failures": 2, "requestsPerSecond": 9612.1,
        "latency": {"mean": 0.00163, "p50": 0.001269, "p99": 0.006539}}],
      "total": {"method": "", "name": "all", "requests": 9632, "failures": 2, "requestsPerSecond": 9612.1,
        "latency": {"mean": 0.00163, "p50": 0.001269, "p99": 0.006539}}},
     "series": [{"name": "latency", "histogram": [{"value": 0.001, "count": 9000}, {"value": 0.004, "count": 630}]}]}
    """

  static let locust = """
    {"stats": [{"method": "GET", "name": "/", "num_requests": 900, "num_failures": 3, "median_response_time": 4,
        "avg_response_time": 5.5, "max_response_time": 80, "current_rps": 90.5, "response_time_percentile_0.95": 12,
        "response_time_percentile_0.99": 30},
      {"method": "", "name": "Aggregated", "num_requests": 900, "num_failures": 3, "median_response_time": 4,
        "avg_response_time": 5.5, "max_response_time": 80, "current_rps": 90.5, "current_fail_per_sec": 0.5, "response_time_percentile_0.95": 12,
        "response_time_percentile_0.99": 30}],
     "errors": [{"error": "timed out", "occurrences": 3}], "workers": [{"id": "a"}, {"id": "b"}], "state": "running"}
    """

  /// Locust's lines end with a carriage return too.
  static let locustTable = [
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
      + "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%",
    "GET,\"/a,b\",900,3,1,0.95,0.022,20.531,86.0,39.5,0.0,1,1,1,1,2,3,4,5,8,15,21",
    ",Aggregated,900,3,1,0.95,0.022,20.531,86.0,39.5,0.0,1,1,1,1,2,3,4,5,8,15,21", "",
  ].joined(separator: "\r\n")
}
