using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Kubernetes.Client;

namespace Serving.Host.DefaultDomains;

/// <summary>
/// Writes a domain that resolves to the gateway's address into config-domain, so that the URLs of Routes work without DNS records.
/// Invariant: a ConfigMap with a domain for all Routes is never changed; the write is rejected when the ConfigMap changed since the read.
/// </summary>
internal sealed class DefaultDomainWriter
{
    private readonly IKubernetesClient _client;
    private readonly GatewayAddressFinder _finder;
    private readonly DefaultDomainOptions _options;
    private readonly Action<string> _progress;
    private readonly TimeProvider _time;

    /// <param name="client">May get and patch config-domain.</param>
    /// <param name="finder">Finds the address.</param>
    /// <param name="options">The domain's DNS service, and bounds.</param>
    /// <param name="progress">Receives a line when the outcome of a step differs from the one before.</param>
    /// <param name="time">The clock of the bounds.</param>
    public DefaultDomainWriter(
        IKubernetesClient client,
        GatewayAddressFinder finder,
        DefaultDomainOptions options,
        Action<string> progress,
        TimeProvider time
    )
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(finder);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        ArgumentNullException.ThrowIfNull(time);
        _client = client;
        _finder = finder;
        _options = options;
        _progress = progress;
        _time = time;
    }

    private string ConfigMap => $"ConfigMap {_options.SystemNamespace}/{DomainConfigParser.Name}";

    /// <summary>
    /// Waits for the address and writes the domain. Throws <see cref="UserErrorException"/> when something is still missing after
    /// <see cref="DefaultDomainOptions.Timeout"/>, when config-domain is invalid, or when the server rejects a request for good.
    /// </summary>
    /// <returns>The domain of all Routes: the one that was written, or the one that config-domain had.</returns>
    public async Task<string> RunAsync(CancellationToken cancellation)
    {
        using var bound = new CancellationTokenSource(_options.Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, bound.Token);
        var missing = $"{ConfigMap}: the API server has not responded";
        try
        {
            while (true)
            {
                var (domain, text) = await TryAsync(either.Token);
                if (domain is not null)
                {
                    _progress(text);
                    return domain;
                }

                if (text != missing)
                {
                    missing = text;
                    _progress($"waiting: {text}");
                }

                await Task.Delay(_options.PollInterval, _time, either.Token);
            }
        }
        catch (OperationCanceledException) when (bound.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new UserErrorException(
                $"{missing}. Gave up after {_options.Timeout.TotalSeconds:0} s; {DomainConfigParser.Name} is unchanged. Run this again."
            );
        }
    }

    /// <summary>One try: the domain of all Routes and how it came about; or null and what is missing.</summary>
    private async Task<(string? Domain, string Text)> TryAsync(CancellationToken cancellation)
    {
        try
        {
            var map = await _client.GetAsync(Resources.ConfigMaps, _options.SystemNamespace, DomainConfigParser.Name, cancellation);
            if (Existing(map) is { } existing)
            {
                return (existing, $"{ConfigMap}: {existing} is the domain of all Routes already; left unchanged");
            }

            var found = await _finder.FindAsync(cancellation);
            if (found.Address is null)
            {
                return (null, found.Text);
            }

            var domain = MagicDomain.Of(found.Address, _options.MagicDns);
            await WriteAsync(map, domain, cancellation);
            var port = found.Port == 80 ? "" : $"; clients need port {found.Port}: http://NAME.NAMESPACE.{domain}:{found.Port}";
            return (domain, $"{ConfigMap}: set {domain}, the address of {found.Text}{port}");
        }
        catch (KubernetesException failure)
        {
            return (null, Obstacle(failure));
        }
    }

    /// <summary>The first domain without a selector; null when config-domain has none. Throws when config-domain is invalid.</summary>
    private string? Existing(ConfigMap map)
    {
        try
        {
            // The parser adds the cluster's own domain as the default; it counts only if the ConfigMap names it.
            return DomainConfigParser
                .Parse(map.Data)
                .Domains.Where(entry => entry.Value.Count == 0 && map.Data.ContainsKey(entry.Key))
                .Select(static entry => entry.Key)
                .Order(StringComparer.Ordinal)
                .FirstOrDefault();
        }
        catch (ConfigMapException invalid)
        {
            throw new UserErrorException($"{ConfigMap}: {invalid.Explanation}. Correct it, then run this again.", invalid);
        }
    }

    /// <summary>Adds the domain for all Routes; rejected (conflict) when the ConfigMap is not the one that was read.</summary>
    private async Task WriteAsync(ConfigMap read, string domain, CancellationToken cancellation)
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["resourceVersion"] = read.Metadata.ResourceVersion },
            ["data"] = new JsonObject { [domain] = "" },
        };
        await _client.PatchAsync(
            Resources.ConfigMaps,
            _options.SystemNamespace,
            DomainConfigParser.Name,
            new Patch(PatchType.Merge, patch.ToJsonString()),
            cancellation
        );
    }

    /// <summary>What keeps a request from success for now. Throws when another try does not help.</summary>
    private string Obstacle(KubernetesException failure) =>
        failure.IsNotFound ? $"{ConfigMap} does not exist; install Serving"
        : failure.IsConflict ? $"{ConfigMap} was changed meanwhile"
        : failure.IsRefusal || failure.Code == System.Net.HttpStatusCode.Unauthorized
            ? throw new UserErrorException($"the API server rejected a request: {failure.Message}", failure)
        : failure.Message;
}
