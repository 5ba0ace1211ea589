using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Grpc.Core;
using Grpc.Net.Client;
using NUnit.Framework;
using Serving.Tests.QueueProxy;
using static Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Networking.Gateway.GrpcCalls;

/// <summary>.NET's gRPC client and server, with the gateway and a sidecar in between.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
[Parallelizable]
public sealed class GrpcTests
{
    private static readonly CallOptions Patient = new(deadline: DateTime.UtcNow.AddMinutes(10));

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private GrpcProgram _program = null!;
    private QueueProxyProcess _sidecar = null!;
    private RunningGateway _gateway = null!;
    private GrpcChannel _channel = null!;
    private CallInvoker _calls = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _program = await GrpcProgram.StartAsync();
        _sidecar = QueueProxyProcess.Start(_program.Port);
        await _sidecar.ReadyAsync(_http);
        _gateway = await RunningGateway.StartAsync();
        _gateway.Cluster.PutService("rev", "http2");
        _gateway.Cluster.PutEndpoints("rev", new IPEndPoint(IPAddress.Parse(_sidecar.Serving.Host), _sidecar.Serving.Port));
        _gateway.Cluster.PutIngress("rev", Rule("rev.test", To("rev")));
        await _gateway.RoutedAsync("rev");
        _channel = Channel("rev.test");
        _calls = _channel.CreateCallInvoker();
    }

    [TearDown]
    public async Task StopAsync()
    {
        _channel.Dispose();
        await _gateway.DisposeAsync();
        _sidecar.Dispose();
        await _program.DisposeAsync();
    }

    [OneTimeTearDown]
    public void DisposeClient() => _http.Dispose();

    [TestCase(10)]
    [TestCase(0)]
    [TestCase(8_000_000)]
    public async Task Unary_calls_with_headers_and_trailers(int length)
    {
        var message = new byte[length];
        Random.Shared.NextBytes(message);
        using var call = _calls.AsyncUnaryCall(GrpcProgram.Echo, null, Patient.WithHeaders(new Metadata { { "x-mine", "1" } }), message);

        (await call).AsSpan().SequenceEqual(message).Should().BeTrue();
        (await call.ResponseHeadersAsync).GetValue("x-first").Should().Be("1");
        call.GetTrailers().GetValue("x-last").Should().Be("2");
        call.GetTrailers().GetValueBytes("x-last-bin").Should().Equal(0, 1, 255);
    }

    [Test]
    public async Task A_stream_that_is_silent_at_first_has_its_headers()
    {
        using var call = _calls.AsyncServerStreamingCall(GrpcProgram.Watch, null, Patient, []);
        await call.ResponseHeadersAsync;

        _program.State.Go.SetResult();
        (await call.ResponseStream.MoveNext()).Should().BeTrue();
        call.ResponseStream.Current.Should().Equal(1);
        (await call.ResponseStream.MoveNext()).Should().BeFalse();
    }

    [Test]
    public async Task Messages_of_a_chat_arrive_one_by_one()
    {
        using var call = _calls.AsyncDuplexStreamingCall(GrpcProgram.Chat, null, Patient);
        for (byte i = 0; i < 50; i++)
        {
            await call.RequestStream.WriteAsync([i]);
            (await call.ResponseStream.MoveNext()).Should().BeTrue();
            call.ResponseStream.Current.Should().Equal(i);
        }

        await call.RequestStream.CompleteAsync();
        (await call.ResponseStream.MoveNext()).Should().BeFalse();
    }

    [Test]
    public async Task An_error_keeps_its_code_its_message_and_its_trailers()
    {
        var failure = (
            await FluentActions
                .Awaiting(async () => await _calls.AsyncUnaryCall(GrpcProgram.Fail, null, Patient, []))
                .Should()
                .ThrowAsync<RpcException>()
        ).Which;

        failure.Status.Should().Match<Status>(status => status.StatusCode == StatusCode.NotFound && status.Detail == "no such thing: é");
        failure.Trailers.GetValue("x-why").Should().Be("because");
    }

    [Test]
    public async Task A_call_that_is_cancelled_or_out_of_time_is_cancelled_at_the_program([Values] bool deadline)
    {
        using var cancel = new CancellationTokenSource();
        var options = deadline ? new CallOptions(deadline: DateTime.UtcNow.AddSeconds(8)) : Patient.WithCancellationToken(cancel.Token);
        var call = _calls.AsyncUnaryCall(GrpcProgram.Wait, null, options, []).ResponseAsync;
        await Task.WhenAny(_program.State.Waiting.Task, call).WaitAsync(TimeSpan.FromSeconds(30));
        _program.State.Waiting.Task.IsCompleted.Should().BeTrue();
        if (!deadline)
            await cancel.CancelAsync();

        await _program.State.Cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30));
        (await FluentActions.Awaiting(() => call).Should().ThrowAsync<RpcException>())
            .Which.StatusCode.Should()
            .Be(deadline ? StatusCode.DeadlineExceeded : StatusCode.Cancelled);
    }

    [Test]
    public async Task No_call_fails_while_the_program_ends_its_sessions_all_the_time()
    {
        _program.State.EndSessionEvery = 7;

        var failures = await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(async _ =>
                {
                    var failed = new List<string>();
                    for (var i = 0; i < 50; i++)
                    {
                        try
                        {
                            (await _calls.AsyncUnaryCall(GrpcProgram.Echo, null, Patient, new byte[2000])).Should().HaveCount(2000);
                        }
                        catch (RpcException exception)
                        {
                            failed.Add(exception.Status.ToString());
                        }
                    }

                    return failed;
                })
        );

        failures.SelectMany(static failed => failed).Should().BeEmpty();
        _sidecar.Errors.Should().NotContain(static line => line.Contains("Forwarding to", StringComparison.Ordinal));
    }

    [Test]
    public async Task A_call_that_nobody_serves_says_why()
    {
        await _program.DisposeAsync();
        var dead = (
            await FluentActions
                .Awaiting(async () => await _calls.AsyncUnaryCall(GrpcProgram.Echo, null, Patient, [1]))
                .Should()
                .ThrowAsync<RpcException>()
        ).Which;
        dead.Status.Should()
            .Match<Status>(status =>
                status.StatusCode == StatusCode.Unavailable && status.Detail == "no pod's program accepts connections"
            );

        using var other = Channel("other.test");
        var unknown = (
            await FluentActions
                .Awaiting(async () => await other.CreateCallInvoker().AsyncUnaryCall(GrpcProgram.Echo, null, Patient, [1]))
                .Should()
                .ThrowAsync<RpcException>()
        ).Which;
        unknown
            .Status.Should()
            .Match<Status>(status =>
                status.StatusCode == StatusCode.Unimplemented && status.Detail == "no route leads to this host and path"
            );
    }

    private GrpcChannel Channel(string host) =>
        GrpcChannel.ForAddress(
            $"http://{host}",
            new GrpcChannelOptions
            {
                DisposeHttpClient = true,
                MaxReceiveMessageSize = null,
                MaxSendMessageSize = null,
                HttpHandler = new SocketsHttpHandler
                {
                    UseProxy = false,
                    ConnectCallback = async (_, cancellation) =>
                    {
                        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                        await socket.ConnectAsync(_gateway.External, cancellation);
                        return new NetworkStream(socket, ownsSocket: true);
                    },
                },
            }
        );
}
