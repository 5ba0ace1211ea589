using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Report.Model;

namespace Serving.Tests.Benchmarks;

[TestFixture]
public sealed class H2LoadOutputTests
{
    private const long Start = 1_796_025_070_000_000;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(6);

    private const string Output = """
        starting benchmark...
        spawning thread #0: 8 total client(s). Timing-based test with 0s of warm-up time and 6s of main duration for measurements.
        progress: 100% of clients started
        Main benchmark duration is started for thread #0.
        TLS Protocol: TLSv1.3
        Cipher: TLS_AES_128_GCM_SHA256
        Server Temp Key: X25519 253 bits
        Application protocol: h2
        Stopped all clients for thread #0

        finished in 6.05s, 33.33 req/s, 3.43MB/s
        requests: 200 total, 264 started, 200 done, 200 succeeded, 0 failed, 0 errored, 0 timeout
        status codes: 201 2xx, 0 3xx, 0 4xx, 0 5xx
        traffic: 6.85MB (7183970) total, 4.77MB (4997280) headers (space savings 51.02%), 305.01KB (312327) data
                             min         max         mean         sd        +/- sd
        time for request:       23us     83.76ms      1.14ms      3.60ms    96.95%
        req/s           :       4.60       22.78        6.08        6.43    87.50%
        """;

    private static IReadOnlyList<string> Log { get; } =
    [.. Enumerable.Range(0, 200).Select(static index => $"{Start + (index * 30_000)}\t200\t{(index + 1) * 10}")];

    [Test]
    public void Requests_and_rate_are_read_from_the_output_and_latencies_from_the_log() =>
        H2LoadOutput.Parse(Output, Log, Duration).Should().Be(new H2LoadOutput("h2", new LoadSummary(200, 33.33, 1, 1.98, 0)));

    [Test]
    public void Failed_requests_and_redirects_are_counted() =>
        H2LoadOutput
            .Parse(
                Output
                    .Replace("200 succeeded, 0 failed, 0 errored", "190 succeeded, 10 failed, 3 errored", StringComparison.Ordinal)
                    .Replace("201 2xx, 0 3xx, 0 4xx", "189 2xx, 2 3xx, 7 4xx", StringComparison.Ordinal),
                Log,
                Duration
            )
            .Load.Errors.Should()
            .Be(12);

    [Test]
    public void An_output_without_a_result_is_shown() => Rejected("could not connect to 127.0.0.1:1", Log, "*could not connect*");

    [Test]
    public void A_load_without_a_response_is_no_result() => Rejected(Output, [], "h2load received no response:*");

    [Test]
    public void A_load_whose_connections_the_server_closed_is_no_result() =>
        Rejected(Output, Log.Take(100), "h2load received no response in 3.0 of 6 s:*");

    [Test]
    public void A_line_of_the_log_that_is_no_response_is_shown() =>
        Rejected(Output, [.. Log, "1796025070228051\t200"], "h2load logged no response: '1796025070228051\t200'");

    private static void Rejected(string output, IEnumerable<string> log, string message) =>
        FluentActions.Invoking(() => H2LoadOutput.Parse(output, log, Duration)).Should().Throw<FormatException>().WithMessage(message);
}
