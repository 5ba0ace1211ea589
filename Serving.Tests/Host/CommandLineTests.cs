using System.CommandLine;
using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Host;

namespace Serving.Tests.Host;

/// <summary>Whatever goes wrong is one line on standard error.</summary>
public sealed class CommandLineTests
{
    private static readonly Exception[] Thrown =
    [
        new UserErrorException("--data-dir x: name another one."),
        new InvalidOperationException("the second\n   at Something.Deep()"),
        new NullReferenceException(),
        new AggregateException(new IOException("disk full")),
        new HttpRequestException("no connection", new System.Net.Sockets.SocketException(111)),
        new ArgumentException("bad", "value"),
    ];

    [TestCaseSource(nameof(Thrown))]
    public async Task An_exception_of_a_command_is_one_line_without_a_stack(Exception thrown)
    {
        var command = new Command("fail");
        command.SetAction((_, _) => Task.FromException<int>(thrown));
        await FailsAsync(new RootCommand { command }, ExitCode.Failed, "error", "fail");
    }

    [TestCase(ExitCode.Failed, "/proc/nothing", "crds", "--output", "/proc/nothing")]
    [TestCase(ExitCode.Failed, "/nonexistent/kubeconfig", "run", "--kubeconfig", "/nonexistent/kubeconfig")]
    [TestCase(ExitCode.Failed, "/nonexistent/kubeconfig", "storage-migrate", "--kubeconfig", "/nonexistent/kubeconfig")]
    [TestCase(ExitCode.Failed, "/nonexistent/kubeconfig", "default-domain", "--kubeconfig", "/nonexistent/kubeconfig")]
    [TestCase(ExitCode.Failed, "--apply", "local", "--plain", "--roles", "apiserver", "--apply", "/nonexistent.yaml")]
    [TestCase(ExitCode.Failed, "--image", "local", "--plain", "--roles", "apiserver", "--image", "nonsense")]
    [TestCase(ExitCode.Failed, "--audit-log", "local", "--plain", "--roles", "apiserver", "--audit-log", "/nonexistent/audit.log")]
    [TestCase(ExitCode.Failed, "--data-dir", "local", "--plain", "--roles", "apiserver", "--data-dir", "/proc/nothing")]
    [TestCase(ExitCode.Usage, "--api-port", "local", "--api-port", "70000")]
    [TestCase(ExitCode.Usage, "--pod-logs", "local", "--pod-logs", "much")]
    [TestCase(ExitCode.Usage, "--pod-logs", "local", "--pod-logs", "1Ki")]
    [TestCase(ExitCode.Usage, "--pod-logs", "local", "--pod-logs", "-1Gi")]
    [TestCase(ExitCode.Usage, "--roles", "local", "--roles", "kubelet")]
    [TestCase(ExitCode.Usage, "--magic-dns", "default-domain", "--magic-dns", "not a domain")]
    [TestCase(ExitCode.Usage, "--service", "default-domain", "--service", "a/b/c")]
    [TestCase(ExitCode.Usage, "--timeout", "default-domain", "--timeout", "0")]
    [TestCase(ExitCode.Usage, "frobnicate", "frobnicate")]
    public Task What_cannot_be_done_names_the_option(int code, string names, params string[] args)
    {
        if (args[0] == "local" && code == ExitCode.Failed)
        {
            var ports = FreePorts.Of(IPAddress.Loopback, 2);
            args = [.. args, "--api-port", $"{ports[0]}", "--gateway-port", $"{ports[1]}"];
        }

        return FailsAsync(CommandLine.Create(), code, names, args);
    }

    private static async Task FailsAsync(RootCommand root, int code, string names, params string[] args)
    {
        var error = new StringWriter();
        (await CommandLine.InvokeAsync(root, args, error)).Should().Be(code, error.ToString());
        var lines = error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Should().ContainSingle().Which.Should().StartWith("error: ").And.Contain(names).And.NotContain("Exception: ");
    }
}
