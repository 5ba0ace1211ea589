namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>Authenticates to Container Registry and Artifact Registry with the service account of a Google machine or workload.</summary>
public sealed class GoogleIdentity : IRegistryIdentity
{
    private readonly HttpClient _http;
    private readonly CloudEndpoints _endpoints;
    private readonly TimeProvider _time;
    private readonly CredentialCache _cache;

    /// <param name="http">The client for the metadata server.</param>
    /// <param name="endpoints">The address of the metadata server; <c>GCE_METADATA_HOST</c> takes precedence.</param>
    /// <param name="time">The clock of expiry.</param>
    public GoogleIdentity(HttpClient http, CloudEndpoints endpoints, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(time);
        _http = http;
        _endpoints = endpoints;
        _time = time;
        _cache = new CredentialCache(time);
    }

    /// <inheritdoc/>
    public string Name => "google";

    /// <inheritdoc/>
    public bool Recognises(string registry)
    {
        ArgumentNullException.ThrowIfNull(registry);
        return registry == "gcr.io"
            || ((string[])[".gcr.io", ".pkg.dev", ".google.com"]).Any(end => registry.EndsWith(end, StringComparison.Ordinal));
    }

    /// <inheritdoc/>
    public ValueTask<RegistryCredential?> CredentialAsync(string registry, CancellationToken cancellation) =>
        _cache.GetAsync("", FetchAsync, cancellation);

    private async Task<(RegistryCredential?, DateTimeOffset)> FetchAsync(CancellationToken cancellation)
    {
        var server = _endpoints.Environment("GCE_METADATA_HOST") is { Length: > 0 } host
            ? new Uri($"http://{host}/")
            : _endpoints.GoogleMetadata;
        var message = new HttpRequestMessage(HttpMethod.Get, new Uri(server, "computeMetadata/v1/instance/service-accounts/default/token"));
        message.Headers.Add("Metadata-Flavor", "Google");
        var (token, seconds) = await CloudResponses.JsonAsync(
            _http,
            message,
            static answer => (answer.Required("access_token"), answer.Number("expires_in")),
            cancellation
        );
        return (new RegistryCredential("oauth2accesstoken", token), _time.GetUtcNow().AddSeconds(seconds));
    }
}
