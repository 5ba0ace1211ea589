using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Certificates;
using Serving.ConfigMaps;
using Serving.Kubernetes;

namespace Serving.Webhook;

/// <summary>
/// Admission: defaults and validates our kinds and checks ConfigMaps, in every replica. Not ready until the cluster
/// trusts the certificate that is served; a new certificate is served only after the cluster has been told to trust it.
/// </summary>
public sealed class WebhookModule : IServingModule
{
    private const string InstalledLabel = "app.kubernetes.io/name=knative-serving";
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly WebhookOptions options;
    private readonly ClusterEnvironment environment;
    private readonly ConfigStore config;
    private readonly ICertificateSource source;
    private readonly WebhookRegistration registration;
    private readonly RegistrationModule? right;
    private readonly ILoggerFactory loggers;
    private readonly ILogger<WebhookModule> logger;
    private readonly TimeProvider time;
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly IInformer<Api.Core.WebhookConfiguration>[] configurations;
    private readonly Heartbeat heartbeat;
    private volatile ServingCertificate? certificate;
    private volatile string? notReady = "the certificate is not in place yet";
    private volatile IPEndPoint? endPoint;

    /// <param name="options">Where to listen and which objects to use.</param>
    /// <param name="environment">The system namespace and the cluster's domain.</param>
    /// <param name="informers">Tells when a webhook configuration changes.</param>
    /// <param name="config">The configuration that defaults and bounds come from.</param>
    /// <param name="loggers">Makes the loggers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="right">Says when the shared certificate and the configurations may be written; always when null. While not, what is there is used.</param>
    public WebhookModule(
        WebhookOptions options, ClusterEnvironment environment, IInformers informers, ConfigStore config, ILoggerFactory loggers, TimeProvider time,
        RegistrationModule? right = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(informers);
        this.options = options;
        this.environment = environment;
        this.config = config;
        this.loggers = loggers;
        this.time = time;
        this.right = right;
        logger = loggers.CreateLogger<WebhookModule>();
        heartbeat = new Heartbeat("keeping the registration", options.CheckInterval + Patience, time);
        configurations =
        [
            informers.For(Resources.MutatingWebhookConfigurations, null, InstalledLabel),
            informers.For(Resources.ValidatingWebhookConfigurations, null, InstalledLabel),
        ];
        source = options.Url is { } url
            ? new TransientCertificate(url.IdnHost.Trim('[', ']'), time, loggers.CreateLogger<TransientCertificate>())
            : new CertificateSecret(
                new(environment.SystemNamespace, options.SecretName, options.ServiceName, environment.ClusterDomain), time, loggers.CreateLogger<CertificateSecret>());
        registration = new WebhookRegistration(options, environment.SystemNamespace);
    }

    /// <inheritdoc/>
    public string Name => "webhook";

    /// <inheritdoc/>
    public Activation Activation => Activation.Always;

    /// <inheritdoc/>
    public string? NotReadyReason => notReady;

    /// <inheritdoc/>
    public string? StuckReason => heartbeat.StuckReason;

    /// <summary>Where it listens; null before it does.</summary>
    public IPEndPoint? EndPoint => endPoint;

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        var registrations = configurations.Select(i => i.AddHandler(_ => Wake())).ToArray();
        if (right is not null)
        {
            right.Changed += Wake;
        }

        try
        {
            await config.WaitForSyncAsync(cancellation).ConfigureAwait(false);
            await FirstCertificateAsync(client, cancellation).ConfigureAwait(false);
            var server = new WebhookServer(new(options.Address, options.Port), () => certificate!, Handlers(client), loggers, time);
            await using (server.ConfigureAwait(false))
            {
                await server.StartAsync(cancellation).ConfigureAwait(false);
                endPoint = server.EndPoint;
                logger.LogInformation("Admission listens on {EndPoint}", endPoint);
                await KeepAsync(client, cancellation).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            logger.LogDebug("Admission has stopped");
        }
        finally
        {
            heartbeat.Rest();
            notReady = "stopped";
            endPoint = null;
            foreach (var registration in registrations)
            {
                registration.Dispose();
            }

            if (right is not null)
            {
                right.Changed -= Wake;
            }
        }
    }

    private Dictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>> Handlers(IKubernetesClient client) => new(StringComparer.Ordinal)
    {
        ["/defaulting"] = (request, _) => ValueTask.FromResult(ResourceAdmission.Default(request, config.Current, environment.ClusterDomain)),
        ["/resource-validation"] = async (request, cancellation) =>
        {
            var answer = ResourceAdmission.Validate(request, config.Current, environment.ClusterDomain);
            return answer.Refusal is null && await PodSpecDryRun.CheckAsync(request, client, cancellation).ConfigureAwait(false) is { } refusal
                ? answer with { Refusal = refusal }
                : answer;
        },
        ["/config-validation"] = (request, _) => ValueTask.FromResult(ConfigMapAdmission.Validate(request, environment.ClusterDomain)),
    };

    // Once ready, a configuration that cannot be written now was good before: the replica stays ready and tries again.
    private async Task KeepAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            heartbeat.Beat();
            var wait = options.CheckInterval;
            try
            {
                var (next, problem) = await RegisterAsync(client, cancellation).ConfigureAwait(false);
                if (problem is not null)
                {
                    logger.LogWarning("Admission is not registered: {Problem}", problem);
                    notReady = notReady is null && !registration.IsLost ? null : problem;
                    wait = RetryDelay;
                }
                else
                {
                    certificate = next;
                    notReady = null;
                }
            }
            catch (Exception error) when (error is KubernetesException or HttpRequestException or IOException or TimeoutException)
            {
                logger.LogWarning(error, "Admission could not be registered; trying again");
                wait = RetryDelay;
            }
            catch (LeaseLostException lost)
            {
                logger.LogInformation("{Reason}; another registers admission", lost.Message);
            }

            await WaitAsync(wait, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Registers us; where another may do that, looks whether what it registered leads to us. Gives the certificate to serve, and what is wrong.</summary>
    private async Task<(ServingCertificate? Certificate, string? Problem)> RegisterAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        if ((right is null ? client : right.Client) is { } writer)
        {
            var made = await source.EnsureAsync(writer, cancellation).ConfigureAwait(false);
            return (made, await registration.ApplyAsync(writer, made.Pems.Authorities, cancellation).ConfigureAwait(false));
        }

        return await source.ReadAsync(client, cancellation).ConfigureAwait(false) is { } shared
            ? (shared, await WebhookRegistration.FindDistrustAsync(client, shared.Pems.Authorities, cancellation).ConfigureAwait(false))
            : (null, "another keeps the certificate, and there is none");
    }

    private async Task FirstCertificateAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        while (certificate is null)
        {
            await RepeatAsync(
                async () => certificate = (right is null ? client : right.Client) is { } writer
                    ? await source.EnsureAsync(writer, cancellation).ConfigureAwait(false)
                    : await source.ReadAsync(client, cancellation).ConfigureAwait(false),
                cancellation).ConfigureAwait(false);
            if (certificate is null)
            {
                await WaitAsync(RetryDelay, cancellation).ConfigureAwait(false);
            }
        }
    }

    private void Wake() => wake.Writer.TryWrite(true);

    private async Task WaitAsync(TimeSpan longest, CancellationToken cancellation)
    {
        using var enough = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, cancellation);
        try
        {
            await wake.Reader.ReadAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            logger.LogTrace("Checking the registration again");
        }
    }

    private async Task RepeatAsync(Func<Task> work, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await work().ConfigureAwait(false);
                return;
            }
            catch (Exception error) when (error is KubernetesException or HttpRequestException or IOException or TimeoutException)
            {
                notReady = $"the certificate is not in place yet: {error.Message}";
                logger.LogWarning(error, "The certificate could not be read or stored; trying again");
                await Task.Delay(RetryDelay, time, cancellation).ConfigureAwait(false);
            }
        }
    }
}
