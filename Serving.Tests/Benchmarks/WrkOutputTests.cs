using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Report.Model;

namespace Serving.Tests.Benchmarks;

[TestFixture]
public sealed class WrkOutputTests
{
    private const string Output = """
        Running 5s test @ http://127.0.0.1:8080/
          1 threads and 32 connections
          Thread Stats   Avg      Stdev     Max   +/- Stdev
            Latency     1.53ms    1.21ms  30.12ms   91.20%
            Req/Sec    22.40k     1.91k   25.59k    74.00%
          Latency Distribution
             50%  870.00us
             75%    2.01ms
             90%    2.90ms
             99%    1.06s
          111464 requests in 5.00s, 17.01MB read
        Requests/sec:  22290.56
        Transfer/sec:      3.40MB
        """;

    [Test]
    public void Requests_rate_and_latencies_are_read_in_all_units() =>
        WrkOutput.Parse(Output).Should().Be(new LoadSummary(111_464, 22_290.56, 0.87, 1060, 0));

    [Test]
    public void Failed_responses_and_errors_of_sockets_are_counted() =>
        WrkOutput
            .Parse(Output + "\n  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 100\n")
            .Errors.Should()
            .Be(110);

    [Test]
    public void An_output_without_a_result_is_shown() =>
        FluentActions
            .Invoking(() => WrkOutput.Parse("unable to connect to 127.0.0.1:8080 Connection refused"))
            .Should()
            .Throw<FormatException>()
            .WithMessage("*Connection refused*");
}
