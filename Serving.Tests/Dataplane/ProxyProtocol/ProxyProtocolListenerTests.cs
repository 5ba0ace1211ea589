using System.IO.Pipelines;
using System.Net;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Connections;
using NUnit.Framework;
using Serving.Dataplane.ProxyProtocol;
using Serving.Dataplane.Servers;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane.ProxyProtocol;

/// <summary>Who may send a header, and what happens to connections that break the policy.</summary>
public sealed class ProxyProtocolListenerTests
{
    private const string Named = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
    private const string Unknown = "PROXY UNKNOWN\r\n";
    private const string Request = "GET / HTTP/1.1\r\n";
    private static readonly IPEndPoint Balancer = new(IPAddress.Parse("10.0.0.9"), 4000);
    private static readonly IPEndPoint Stranger = new(IPAddress.Parse("172.16.0.1"), 4000);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    // A trusted source, then anybody else; with an optional header, then with a required one.
    [TestCase(true, false, Named + Request, "192.0.2.1:56324 GET")]
    [TestCase(true, false, Unknown + Request, "10.0.0.9:4000 GET")]
    [TestCase(true, false, Request, "10.0.0.9:4000 GET")]
    [TestCase(true, true, Named + Request, "192.0.2.1:56324 GET")]
    [TestCase(true, true, Unknown + Request, "10.0.0.9:4000 GET")]
    [TestCase(true, true, Request, null, "begins with no header")]
    [TestCase(false, false, Request, "172.16.0.1:4000 GET")]
    [TestCase(false, false, Named + Request, "172.16.0.1:4000 PROXY")]
    [TestCase(false, true, Request, null, "begins with no header")]
    [TestCase(false, true, Named + Request, null, "not a trusted source")]
    [TestCase(false, true, Unknown + Request, "172.16.0.1:4000 GET")]
    [TestCase(true, false, "PROXY nonsense\r\n", null, "malformed")]
    [TestCase(true, true, "PROXY nonsense\r\n", null, "malformed")]
    public async Task A_header_is_used_only_when_a_trusted_source_sent_it(
        bool trusted,
        bool required,
        string sent,
        string? served,
        string problem = ""
    )
    {
        var connection = new Connection(trusted ? Balancer : Stranger);
        await connection.SendAsync(sent);

        await connection.ServeAsync(new ProxyProtocolPolicy([IPNetwork.Parse("10.0.0.0/8")], required));

        connection.Served.Should().Be(served);
        connection.Aborted.Should().Be(served is null);
        if (problem.Length > 0)
            connection
                .Logs.Lines.Should()
                .ContainSingle()
                .Which.Should()
                .Contain(problem)
                .And.Contain((trusted ? Balancer : Stranger).ToString());
        else
            connection.Logs.Lines.Should().BeEmpty();
    }

    [Test]
    public async Task Without_the_protocol_a_header_is_no_more_than_bytes()
    {
        var connection = new Connection(Balancer);
        await connection.SendAsync(Named);

        await connection.ServeAsync(null);

        connection.Served.Should().Be("10.0.0.9:4000 PROXY");
    }

    [Test]
    public async Task A_header_may_arrive_byte_by_byte()
    {
        var connection = new Connection(Balancer);
        var serving = connection.ServeAsync(new ProxyProtocolPolicy([IPNetwork.Parse("10.0.0.0/8")], IsRequired: true));
        foreach (var character in Named + Request)
            await connection.SendAsync(character.ToString());

        await serving.WaitAsync(Timeout);

        connection.Served.Should().StartWith("192.0.2.1:56324 ");
        connection.Time.ActiveTimers.Should().Be(0, "a connection may live for hours, and its timer with it");
    }

    [TestCase("")]
    [TestCase("PROXY TCP4 192.0.2.1 ")]
    public async Task A_header_that_does_not_arrive_in_time_closes_the_connection(string sent)
    {
        var connection = new Connection(Balancer);
        if (sent.Length > 0)
            await connection.SendAsync(sent);
        var serving = connection.ServeAsync(new ProxyProtocolPolicy([IPNetwork.Parse("10.0.0.0/8")], IsRequired: true));
        connection.Time.Advance(Timeout - TimeSpan.FromSeconds(1));
        serving.IsCompleted.Should().BeFalse();

        connection.Time.Advance(TimeSpan.FromSeconds(1));

        await serving.WaitAsync(Timeout);
        connection.Served.Should().BeNull();
        connection.Logs.Lines.Should().ContainSingle().Which.Should().Contain("in time");
    }

    [Test]
    public async Task A_check_that_only_connects_and_closes_is_no_failure([Values] bool required)
    {
        var connection = new Connection(Balancer);
        await connection.CloseAsync();

        await connection.ServeAsync(new ProxyProtocolPolicy([IPNetwork.Parse("10.0.0.0/8")], required));

        connection.Served.Should().BeNull();
        connection.Aborted.Should().BeFalse();
        connection.Logs.Lines.Should().BeEmpty();
    }

    [Test]
    public async Task A_header_that_breaks_off_is_malformed()
    {
        var connection = new Connection(Balancer);
        await connection.SendAsync("PROXY TCP4");
        await connection.CloseAsync();

        await connection.ServeAsync(new ProxyProtocolPolicy([IPNetwork.Parse("10.0.0.0/8")], IsRequired: true));

        connection.Served.Should().BeNull();
        connection.Logs.Lines.Should().ContainSingle().Which.Should().Contain("malformed");
    }

    private sealed class Connection(IPEndPoint peer)
    {
        private readonly Pipe _client = new();

        public ManualTimeProvider Time { get; } = new();

        public RecordingLogs Logs { get; } = new();

        public string? Served { get; private set; }

        public bool Aborted { get; private set; }

        public async Task SendAsync(string text) => await _client.Writer.WriteAsync(Encoding.ASCII.GetBytes(text));

        public async Task CloseAsync() => await _client.Writer.CompleteAsync();

        public Task ServeAsync(ProxyProtocolPolicy? policy)
        {
            var limits = new ServerLimits { HeadersTimeout = Timeout, ProxyProtocol = policy };
            var listener = new ProxyProtocolListener(ServedAsync, () => limits, Logs.CreateLogger("test"), Time);
            return listener.OnConnectionAsync(
                new AbortableConnection(() => Aborted = true)
                {
                    Transport = new Duplex(_client.Reader, new Pipe().Writer),
                    RemoteEndPoint = peer,
                }
            );
        }

        private async Task ServedAsync(ConnectionContext connection)
        {
            var read = await connection.Transport.Input.ReadAsync();
            Served = $"{connection.RemoteEndPoint} {Encoding.ASCII.GetString(read.Buffer).Split(' ')[0]}";
        }
    }

    private sealed class AbortableConnection(Action aborted) : DefaultConnectionContext
    {
        public override void Abort(ConnectionAbortedException abortReason) => aborted();
    }

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
