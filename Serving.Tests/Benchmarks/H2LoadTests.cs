using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Load;
using Serving.Benchmarks.Processes;

namespace Serving.Tests.Benchmarks;

[TestFixture]
public sealed class H2LoadTests
{
    [Test]
    public void Http1_over_TLS_names_its_host_in_the_handshake_and_the_request() =>
        ArgumentsOf(LoadProtocol.Http1Tls)
            .Should()
            .Equal(
                "--h1",
                "--threads=1",
                "--clients=32",
                "--max-concurrent-streams=1",
                "--duration=6",
                "--tls13-ciphers=TLS_AES_128_GCM_SHA256",
                "--connect-to=127.0.0.1:8444",
                "--log-file=a/log",
                "https://tls.example.com/"
            );

    [Test]
    public void Http2_in_clear_text_has_streams_and_no_TLS() =>
        ArgumentsOf(LoadProtocol.Http2)
            .Should()
            .Contain(["--clients=8", "--max-concurrent-streams=8", "http://tls.example.com/"])
            .And.NotContain("--h1");

    [Test]
    public void Http2_over_TLS_has_streams_and_TLS() =>
        ArgumentsOf(LoadProtocol.Http2Tls)
            .Should()
            .Contain(["--clients=8", "--max-concurrent-streams=8", "https://tls.example.com/"])
            .And.NotContain("--h1");

    private static IReadOnlyList<string> ArgumentsOf(LoadProtocol protocol) =>
        new H2Load(protocol, new IPEndPoint(IPAddress.Loopback, 8444), "tls.example.com").Arguments(TimeSpan.FromSeconds(6), "a/log");
}
