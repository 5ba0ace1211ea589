using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>Invalid command lines give a one-line error that says what to do.</summary>
[Category("Slow")]
public sealed class BadInputTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private string _data = null!;

    [SetUp]
    public void SetUp() => _data = Directory.CreateTempSubdirectory("serving-test-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_data, recursive: true);

    [Test]
    public async Task An_unknown_flag_is_named()
    {
        var (code, output) = await RunAsync("local", "--bogus");

        code.Should().Be(2);
        Lines(output).Should().ContainSingle().Which.Should().Contain("--bogus").And.Contain("--help");
    }

    [Test]
    public async Task A_port_that_is_no_port_is_named()
    {
        var (code, output) = await RunAsync("local", "--api-port", "70000");

        code.Should().Be(2);
        Lines(output).Should().ContainSingle().Which.Should().Contain("--api-port").And.Contain("70000");
    }

    [TestCase("--api-port")]
    [TestCase("--gateway-port")]
    public async Task A_port_in_use_is_named(string option)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var other = option == "--api-port" ? "--gateway-port" : "--api-port";

        var (code, output) = await RunAsync("local", option, $"{port}", other, $"{FreePorts.Next()}");

        code.Should().Be(1);
        Error(output).Should().Contain($"{port}").And.Contain("in use").And.Contain(option);
    }

    [Test]
    public async Task A_manifest_that_does_not_exist_is_named_before_anything_starts()
    {
        var (code, output) = await RunAsync("local", "--apply", Path.Combine(_data, "nowhere.yaml"));

        code.Should().Be(1);
        Error(output).Should().Contain("nowhere.yaml");
        Directory.Exists(Path.Combine(_data, "pods")).Should().BeFalse();
    }

    [Test]
    public async Task A_manifest_that_is_not_yaml_is_named_before_anything_starts()
    {
        var manifest = Path.Combine(_data, "bad.yaml");
        await File.WriteAllTextAsync(manifest, "kind: [Service\nmetadata: {");

        var (code, output) = await RunAsync("local", "--apply", manifest);

        code.Should().Be(1);
        Error(output).Should().Contain("bad.yaml");
    }

    [Test]
    public async Task An_image_map_entry_without_a_command_is_named()
    {
        var (code, output) = await RunAsync("local", "--image", "my/image");

        code.Should().Be(1);
        Error(output).Should().Contain("my/image").And.Contain("GLOB=COMMAND");
    }

    [TestCase("--webhook-url", "http://10.0.0.1:8443", "an https address")]
    [TestCase("--bind", "nowhere", "an IP address")]
    [TestCase("--drain-delay", "soon", "a number of seconds")]
    [TestCase("--gateway-https-port", "-1", "a port, 0 to 65535")]
    public async Task A_value_that_run_cannot_take_is_named(string option, string value, string expected)
    {
        await using var host = HostProcess.Start("run", $"{option}={value}");
        var code = await host.WaitForExitAsync(Limit);

        code.Should().Be(2);
        Lines(host.Output).Should().ContainSingle().Which.Should().Contain($"{option}: '{value}' is not {expected}");
    }

    private static string[] Lines(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static string Error(string output) =>
        Lines(output).Should().ContainSingle(line => line.StartsWith("error: ", StringComparison.Ordinal), output).Which;

    private async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        await using var host = HostProcess.Start([.. arguments, "--data-dir", Path.Combine(_data, "local")]);
        var code = await host.WaitForExitAsync(Limit);
        return (code, host.Output);
    }
}
