using System.IO.Pipelines;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Connections;
using NUnit.Framework;
using Serving.Dataplane.Servers;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

public sealed class PrefaceSwitchTests
{
    [TestCase("GET / HTTP/1.1\r\n", "http1")]
    [TestCase("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2")]
    public async Task The_time_limit_for_the_first_bytes_ends_before_the_connection_is_served(string first, string expected)
    {
        var time = new ManualTimeProvider();
        var client = new Pipe();
        var served = "";
        var timers = -1;
        var preface = new PrefaceSwitch(_ => Serve("http1"), () => _ => Serve("http2"), () => TimeSpan.FromSeconds(30), time);
        await client.Writer.WriteAsync(Encoding.ASCII.GetBytes(first));

        await preface.OnConnectionAsync(new DefaultConnectionContext { Transport = new Duplex(client.Reader, new Pipe().Writer) });

        served.Should().Be(expected);
        timers.Should().Be(0, "a connection may live for hours, and its timer with it");

        Task Serve(string protocol)
        {
            (served, timers) = (protocol, time.ActiveTimers);
            return Task.CompletedTask;
        }
    }

    [TestCase("")]
    [TestCase("PRI * HT")]
    public async Task A_connection_that_does_not_say_its_protocol_in_time_is_given_up(string first)
    {
        var time = new ManualTimeProvider();
        var client = new Pipe();
        var preface = new PrefaceSwitch(
            _ => throw new InvalidOperationException("served"),
            () => _ => throw new InvalidOperationException("served"),
            () => TimeSpan.FromSeconds(30),
            time
        );
        if (first.Length > 0)
            await client.Writer.WriteAsync(Encoding.ASCII.GetBytes(first));
        var serving = preface.OnConnectionAsync(new DefaultConnectionContext { Transport = new Duplex(client.Reader, new Pipe().Writer) });
        serving.IsCompleted.Should().BeFalse();

        time.Advance(TimeSpan.FromSeconds(30));

        await serving.WaitAsync(TimeSpan.FromMinutes(1));
    }

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
