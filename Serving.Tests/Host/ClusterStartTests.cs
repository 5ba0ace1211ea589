using System.Net;
using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Host.Cluster;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary><c>run</c> as a process, with the API server behind a proxy that the test cuts and mends.</summary>
[Category("Slow")]
[Parallelizable]
internal sealed class ClusterStartTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private RunningServer _server = null!;
    private TcpProxy _proxy = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _server = await RunningServer.StartAsync();
        _proxy = new TcpProxy(_server.Server.Address.Port);
        (await _server.PostAsync("/api/v1/namespaces", """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"knative-serving"}}"""))
            .Code.Should()
            .Be(201);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _proxy.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task A_process_that_starts_while_the_API_server_is_away_and_whose_plugin_fails_waits_for_both()
    {
        Plugin();
        await _proxy.CutAsync();
        var port = FreePorts.Next();
        await using var host = Start(
            "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}",
            port
        );
        using var probes = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

        // The plugin fails first, then the server is away.
        await SaysAsync(
            host,
            probes,
            "waiting for the API server: get configmaps knative-serving/config-leader-election: the API server cannot be reached"
        );
        (await probes.GetStringAsync("/livez")).Should().Be("ok");
        (await File.ReadAllLinesAsync(Path.Combine(_server.Directory, "calls"))).Should().HaveCount(2, "the credential is kept");

        _proxy.Repair();

        await Eventually.HoldsAsync(
            async () =>
                (await _server.GetAsync("/apis/coordination.k8s.io/v1/namespaces/knative-serving/leases/gateway-status.00-of-01"))
                    .Code.Should()
                    .Be(200, host.Output),
            Limit
        );
        await SaysAsync(host, probes, "gateway-status ok");
        await host.TerminateAsync();
        (await host.WaitForExitAsync(Limit)).Should().Be(0, host.Output);
    }

    [TestCase("token: wrong", "401")]
    [TestCase("exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin}", "no-such-plugin cannot be started")]
    public async Task What_waiting_cannot_mend_ends_the_start_in_one_line(string user, string says)
    {
        await using var host = Start(user, FreePorts.Next());

        (await host.WaitForExitAsync(Limit)).Should().Be(1, host.Output);

        host.Output.Split('\n')
            .Should()
            .ContainSingle(line => line.StartsWith("error: ", StringComparison.Ordinal), host.Output)
            .Which.Should()
            .Contain(says);
    }

    [TestCase("127.0.0.1", "127.0.0.1")]
    [TestCase("127.4.5.6", "127.4.5.6")]
    [TestCase("::1", "::1")]
    public void A_pod_at_a_loopback_address_listens_on_that_alone(string pod, string expected) =>
        ClusterSession.ListenAddressOf(IPAddress.Parse(pod)).Should().Be(IPAddress.Parse(expected));

    [TestCase("10.0.0.7")]
    [TestCase("fd00::7")]
    public void Any_other_pod_listens_on_any_address_so_that_a_port_forward_reaches_it(string pod) =>
        ClusterSession
            .ListenAddressOf(IPAddress.Parse(pod))
            .Should()
            .Match<IPAddress>(address => address.Equals(IPAddress.IPv6Any) || address.Equals(IPAddress.Any));

    private static Task SaysAsync(HostProcess host, HttpClient probes, string expected) =>
        Eventually.HoldsAsync(
            async () =>
            {
                host.HasExited.Should().BeFalse(host.Output);
                using var answer = await probes.GetAsync("/readyz?verbose");
                (await answer.Content.ReadAsStringAsync()).Should().Contain(expected);
            },
            Limit
        );

    /// <summary>A program that fails when it is asked first and prints the administrator's token from then on.</summary>
    private void Plugin()
    {
        var script = Path.Combine(_server.Directory, "plugin");
        File.WriteAllText(
            script,
            $$"""
            #!/bin/sh
            echo x >> {{_server.Directory}}/calls
            [ $(wc -l < {{_server.Directory}}/calls) -gt 1 ] || exit 1
            echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'{{_server.Server.Token}}'"} }'
            """
        );
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private HostProcess Start(string user, int healthPort)
    {
        var kubeconfig = Path.Combine(_server.Directory, "plugin-kubeconfig");
        File.WriteAllText(
            kubeconfig,
            $$"""
            current-context: x
            contexts: [{name: x, context: {cluster: c, user: u} }]
            clusters:
            - name: c
              cluster:
                server: https://127.0.0.1:{{_proxy.Port}}
                certificate-authority-data: {{Convert.ToBase64String(Encoding.UTF8.GetBytes(_server.Server.CertificateAuthority))}}
            users:
            - name: u
              user: { {{user}} }
            """
        );
        return HostProcess.Start(
            "run",
            "--kubeconfig",
            kubeconfig,
            "--bind",
            "127.0.0.1",
            "--modules",
            "gateway-status",
            "--health-port",
            $"{healthPort}"
        );
    }
}
