using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Host.Composition;
using Serving.Host.Local.Terminal;
using Serving.Kubernetes;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Manifests;
using Serving.LocalCluster.ApiServer;
using Serving.LocalCluster.Controllers;
using Serving.LocalCluster.Node;
using Serving.Observability.Logging;
using Spectre.Console;

namespace Serving.Host.Local;

/// <summary>
/// One run of <c>local</c>: starts the selected parts in the order of their dependencies and stops them in reverse order. Invariant: when
/// it returns, nothing that it started is left.
/// </summary>
internal sealed class LocalSession
{
    private static readonly TimeSpan KubeconfigTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan SyncTimeout = TimeSpan.FromSeconds(60);

    private readonly LocalOptions _options;
    private readonly ITerminal _terminal;
    private readonly TimeProvider _time = TimeProvider.System;
    private volatile LocalControlPlane? _running;

    public LocalSession(LocalOptions options)
    {
        _options = options;
        _terminal =
            options.Plain || !AnsiConsole.Profile.Capabilities.Ansi
                ? new PlainTerminal(Console.Out, _time)
                : new LiveTerminal(AnsiConsole.Console, _time);
    }

    /// <summary>Runs until the process is stopped. Throws <see cref="UserErrorException"/> for errors that the user can fix.</summary>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        using var signal = new TerminationSignal();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, signal.Token);
        var images = CheckInput();
        using var directory = LocalDirectory.Claim(_options);
        using var logging = CreateLogging(directory);
        try
        {
            await RunAsync(directory, images, logging, stop.Token);
            return ExitCode.Ok;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Ok;
        }
        catch (Exception failure) when (failure is not UserErrorException)
        {
            logging.Factory.CreateLogger<LocalSession>().LogError(failure, "The local cluster ended");
            throw new UserErrorException($"{PlainText.Of(failure).TrimEnd('.')}. See {directory.LogFile}.", failure);
        }
    }

    /// <summary>Checks everything that can be checked before anything is started.</summary>
    private ImageMap CheckInput()
    {
        try
        {
            // Only a node runs programs.
            var images = new ImageMap([.. _options.Has(LocalOptions.Node) ? PodPrograms.ImageMap() : [], .. _options.Images]);
            ManifestApplier.Check(_options.Manifests);
            CheckAuditLog();
            if (_options.Has(LocalOptions.ApiServer))
            {
                Ports.EnsureFree("--api-port", _options.ApiPort);
            }

            if (_options.Has(LocalOptions.ControlPlane))
            {
                Ports.EnsureFree("--gateway-port", _options.GatewayPort);
            }

            return images;
        }
        catch (FormatException failure)
        {
            throw new UserErrorException($"--image: {failure.Message}", failure);
        }
        catch (KubernetesConfigurationException failure)
        {
            throw new UserErrorException($"--apply: {failure.Message}", failure);
        }
    }

    private void CheckAuditLog()
    {
        if (_options.AuditLog is not { } file)
        {
            return;
        }

        try
        {
            using var probe = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UserErrorException($"--audit-log {file}: it cannot be written ({failure.Message}): name another file.", failure);
        }
    }

    private async Task RunAsync(LocalDirectory directory, ImageMap images, ProcessLogging logging, CancellationToken stop)
    {
        var loggers = logging.Factory;
        using var subnet = LoopbackSubnet.ClaimAgain(directory.SubnetFile);
        await using var parts = new LocalParts(loggers, _terminal, stop);
        if (_options.Has(LocalOptions.ApiServer))
        {
            var server = await StartApiServerAsync(directory, loggers, stop);
            parts.Add(server);
            _terminal.Line($"API server     {server.Address}");
        }

        var configuration = await LoadKubeconfigAsync(directory, stop);
        if (_options.Has(LocalOptions.Node))
        {
            await StartNodeAsync(parts, directory, images, configuration, subnet, loggers, stop);
            _terminal.Line($"node           pods get addresses {subnet.Prefix}.10 and up");
        }

        LocalControlPlane? controlPlane = null;
        if (_options.Has(LocalOptions.ControlPlane))
        {
            var installer = ClusterAccess.FromKubeconfig(directory.InstallerKubeconfig, time: _time);
            controlPlane = await LocalControlPlane.CreateAsync(_options, subnet, installer, configuration, logging, _time, stop);
            parts.Add(controlPlane);
            _running = controlPlane;
            await controlPlane.StartAsync(parts, what => _terminal.Line($"waiting        {what}"), stop);
            _terminal.Line($"host pod       {controlPlane.PodName} at {subnet.HostAddress(LocalControlPlane.HostNumber)}");
            _terminal.Line($"gateway        http://127.0.0.1:{_options.GatewayPort}");
            if (_options.StatusPages)
            {
                _terminal.Line($"status pages   {controlPlane.StatusPages}");
            }

            _terminal.Line($"control plane  ready: {string.Join(", ", Composition.ControlPlane.AllModules)}");
        }

        var addresses = await ApplyManifestsAsync(configuration, stop);
        if (controlPlane is null)
        {
            await parts.WaitAsync(stop);
            return;
        }

        Greet(directory, addresses);
        await Task.WhenAny(parts.WaitAsync(stop), _terminal.ShowAsync(controlPlane.View, $"http://127.0.0.1:{_options.GatewayPort}", stop))
            .Unwrap();
    }

    private async Task<ApiServer> StartApiServerAsync(LocalDirectory directory, ILoggerFactory loggers, CancellationToken stop)
    {
        try
        {
            var settings = new ApiServerOptions(directory.Path, IPAddress.Loopback, _options.ApiPort)
            {
                AuditLog = _options.AuditLog,
                Readiness = _options.Has(LocalOptions.ControlPlane) ? ReadinessAsync : null,
            };
            return await ApiServer.StartAsync(settings, loggers, _time, stop);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException(failure.Message, failure);
        }
    }

    /// <summary>The API server is ready when the other parts in this process are ready and admission works.</summary>
    private async Task<IReadOnlyList<ReadinessCheck>> ReadinessAsync(CancellationToken cancellation) =>
        _running is { } controlPlane
            ? await controlPlane.ReadinessAsync(cancellation)
            : [new ReadinessCheck("control-plane", "it is starting")];

    /// <summary>Loads the kubeconfig that the API server writes, and waits for it when another process writes it.</summary>
    private async Task<ClusterAccess> LoadKubeconfigAsync(LocalDirectory directory, CancellationToken stop)
    {
        var started = _time.GetTimestamp();
        while (!File.Exists(directory.Kubeconfig))
        {
            if (_time.GetElapsedTime(started) > KubeconfigTimeout)
            {
                throw new UserErrorException(
                    $"no API server has written {directory.Kubeconfig}; start one with --roles apiserver on the same --data-dir."
                );
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), _time, stop);
        }

        return ClusterAccess.FromKubeconfig(directory.Kubeconfig, time: _time);
    }

    private async Task StartNodeAsync(
        LocalParts parts,
        LocalDirectory directory,
        ImageMap images,
        ClusterAccess configuration,
        LoopbackSubnet subnet,
        ILoggerFactory loggers,
        CancellationToken stop
    )
    {
        var client = new ClusterClient(configuration, time: _time);
        parts.Add(client);
        var informers = new SharedInformers(client, loggers, _time);
        var events = new EventRecorder("local", loggers.CreateLogger<EventRecorder>(), _time);
        var tokens = new ServiceAccountTokens(client);
        var node = new LocalNode(
            new LocalNodeOptions(directory.Path, images, subnet, configuration.Server)
            {
                Tokens = tokens.IssueAsync,
                MaxLogBytes = _options.PodLogBytes,
            },
            events,
            loggers,
            _time
        );
        var authority = string.Concat(configuration.Authorities?.Select(certificate => certificate.ExportCertificatePem() + "\n") ?? []);
        var controllers = new ClusterControllers(informers, new ResourceDiscovery(client), events, authority, loggers, _time);

        // Parts stop in reverse order: the node removes its pods when controllers and caches no longer react.
        parts.Run("informers", informers.RunAsync);
        parts.Run("events", token => events.RunAsync(client, token));
        parts.Run("node", token => node.RunAsync(client, informers, token));
        parts.Run("scrape targets", token => new ScrapeTargets(informers, directory.Path, loggers, _time).RunAsync(token));
        parts.Run("host pods", token => new StandInProbes(informers, loggers.CreateLogger<StandInProbes>(), _time).RunAsync(client, token));
        parts.Run("controllers", token => controllers.RunAsync(client, token));
        var synced = informers.WaitForSyncAsync(stop);
        if (await Task.WhenAny(synced, Task.Delay(SyncTimeout, _time, stop)) != synced)
        {
            stop.ThrowIfCancellationRequested();
            throw new UserErrorException(
                $"the node cannot read {string.Join(", ", informers.NotSynced.Distinct())} of the API server: {directory.LogFile} names the object; correct or delete it in a run with --roles apiserver."
            );
        }

        await synced;
    }

    /// <summary>Applies the manifests of the command line. Returns the addresses of their Services that respond.</summary>
    private async Task<IReadOnlyList<string>> ApplyManifestsAsync(ClusterAccess configuration, CancellationToken stop)
    {
        if (_options.Manifests.Count == 0)
        {
            return [];
        }

        using var client = new ClusterClient(configuration, time: _time);
        var applier = new ManifestApplier(client, new ResourceDiscovery(client), time: _time);
        var applied = await applier.ApplyPathsAsync(_options.Manifests, "serving-local", stop);
        foreach (var item in applied)
        {
            _terminal.Line($"applied        {item.Kind} {ObjectKey.Of(item)}");
        }

        return await new AppliedServices(client, _terminal, _options.GatewayPort, _time).WaitAsync(applied, stop);
    }

    private void Greet(LocalDirectory directory, IReadOnlyList<string> addresses)
    {
        var shown = Path.GetRelativePath(Environment.CurrentDirectory, directory.Kubeconfig);
        _terminal.Line("");
        _terminal.Line("Try, in another terminal:");
        _terminal.Line($"  export KUBECONFIG={(shown.StartsWith("..", StringComparison.Ordinal) ? directory.Kubeconfig : shown)}");
        _terminal.Line(addresses.Count > 0 ? "  kubectl get ksvc" : "  kubectl apply -f samples/helloworld.yaml");
        foreach (var address in addresses.DefaultIfEmpty($"http://hello.default.localhost:{_options.GatewayPort}"))
        {
            _terminal.Line($"  curl {address}");
        }

        _terminal.Line("Ctrl-C stops it and every process it started.");
        _terminal.Line("");
    }

    private static ProcessLogging CreateLogging(LocalDirectory directory)
    {
        var file = directory.OpenLog();
        return new ProcessLogging(new LogOptions { Format = LogFormat.Plain, Output = file });
    }
}
