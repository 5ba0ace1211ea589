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
public sealed class GrpcTests
{
    private static readonly CallOptions Patient = new(deadline: DateTime.UtcNow.AddMinutes(10));

    private readonly HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
    private GrpcProgram program = null!;
    private QueueProxyProcess sidecar = null!;
    private RunningGateway gateway = null!;
    private GrpcChannel channel = null!;
    private CallInvoker calls = null!;

    [SetUp]
    public async Task StartAsync()
    {
        program = await GrpcProgram.StartAsync();
        sidecar = QueueProxyProcess.Start(program.Port);
        await sidecar.ReadyAsync(http);
        gateway = await RunningGateway.StartAsync();
        gateway.Cluster.PutService("rev", "http2");
        gateway.Cluster.PutEndpoints("rev", new IPEndPoint(IPAddress.Parse(sidecar.Serving.Host), sidecar.Serving.Port));
        gateway.Cluster.PutIngress("rev", Rule("rev.test", To("rev")));
        await gateway.RoutedAsync("rev");
        channel = Channel("rev.test");
        calls = channel.CreateCallInvoker();
    }

    [TearDown]
    public async Task StopAsync()
    {
        channel.Dispose();
        await gateway.DisposeAsync();
        sidecar.Dispose();
        await program.DisposeAsync();
    }

    [OneTimeTearDown]
    public void DisposeClient() => http.Dispose();

    [TestCase(10)]
    [TestCase(0)]
    [TestCase(8_000_000)]
    public async Task Unary_calls_with_headers_and_trailers(int length)
    {
        var message = new byte[length];
        Random.Shared.NextBytes(message);
        using var call = calls.AsyncUnaryCall(GrpcProgram.Echo, null, Patient.WithHeaders(new Metadata { { "x-mine", "1" } }), message);

        (await call).AsSpan().SequenceEqual(message).Should().BeTrue();
        (await call.ResponseHeadersAsync).GetValue("x-first").Should().Be("1");
        call.GetTrailers().GetValue("x-last").Should().Be("2");
        call.GetTrailers().GetValueBytes("x-last-bin").Should().Equal(0, 1, 255);
    }

    [Test]
    public async Task A_stream_that_is_silent_at_first_has_its_headers()
    {
        using var call = calls.AsyncServerStreamingCall(GrpcProgram.Watch, null, Patient, []);
        await call.ResponseHeadersAsync;

        program.State.Go.SetResult();
        (await call.ResponseStream.MoveNext()).Should().BeTrue();
        call.ResponseStream.Current.Should().Equal(1);
        (await call.ResponseStream.MoveNext()).Should().BeFalse();
    }

    [Test]
    public async Task Messages_of_a_chat_arrive_one_by_one()
    {
        using var call = calls.AsyncDuplexStreamingCall(GrpcProgram.Chat, null, Patient);
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
        var failure = (await FluentActions.Awaiting(async () => await calls.AsyncUnaryCall(GrpcProgram.Fail, null, Patient, [])).Should().ThrowAsync<RpcException>()).Which;

        failure.Status.Should().Match<Status>(status => status.StatusCode == StatusCode.NotFound && status.Detail == "no such thing: é");
        failure.Trailers.GetValue("x-why").Should().Be("because");
    }

    [Test]
    public async Task A_call_that_is_cancelled_or_out_of_time_is_cancelled_at_the_program([Values] bool deadline)
    {
        using var cancel = new CancellationTokenSource();
        var options = deadline ? new CallOptions(deadline: DateTime.UtcNow.AddSeconds(8)) : Patient.WithCancellationToken(cancel.Token);
        var call = calls.AsyncUnaryCall(GrpcProgram.Wait, null, options, []).ResponseAsync;
        await Task.WhenAny(program.State.Waiting.Task, call).WaitAsync(TimeSpan.FromSeconds(30));
        program.State.Waiting.Task.IsCompleted.Should().BeTrue();
        if (!deadline) await cancel.CancelAsync();

        await program.State.Cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30));
        (await FluentActions.Awaiting(() => call).Should().ThrowAsync<RpcException>()).Which
            .StatusCode.Should().Be(deadline ? StatusCode.DeadlineExceeded : StatusCode.Cancelled);
    }

    [Test]
    public async Task No_call_fails_while_the_program_ends_its_sessions_all_the_time()
    {
        program.State.EndSessionEvery = 7;

        var failures = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            var failed = new List<string>();
            for (var i = 0; i < 50; i++)
            {
                try
                {
                    (await calls.AsyncUnaryCall(GrpcProgram.Echo, null, Patient, new byte[2000])).Should().HaveCount(2000);
                }
                catch (RpcException exception)
                {
                    failed.Add(exception.Status.ToString());
                }
            }

            return failed;
        }));

        failures.SelectMany(static failed => failed).Should().BeEmpty();
        sidecar.Errors.Should().NotContain(static line => line.Contains("Forwarding to", StringComparison.Ordinal));
    }

    [Test]
    public async Task A_call_that_nobody_serves_says_why()
    {
        await program.DisposeAsync();
        var dead = (await FluentActions.Awaiting(async () => await calls.AsyncUnaryCall(GrpcProgram.Echo, null, Patient, [1])).Should().ThrowAsync<RpcException>()).Which;
        dead.Status.Should().Match<Status>(status => status.StatusCode == StatusCode.Unavailable && status.Detail == "no pod's program accepts connections");

        using var other = Channel("other.test");
        var unknown = (await FluentActions.Awaiting(async () => await other.CreateCallInvoker().AsyncUnaryCall(GrpcProgram.Echo, null, Patient, [1])).Should().ThrowAsync<RpcException>()).Which;
        unknown.Status.Should().Match<Status>(status => status.StatusCode == StatusCode.Unimplemented && status.Detail == "no route leads to this host and path");
    }

    private GrpcChannel Channel(string host) => GrpcChannel.ForAddress($"http://{host}", new GrpcChannelOptions
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
                await socket.ConnectAsync(gateway.External, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        },
    });
}
