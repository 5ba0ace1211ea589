using System.Buffers.Text;
using System.Text.Json;

namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>
/// Authenticates to Azure Container Registry with the service principal, federated workload identity or managed identity of this process: a
/// Microsoft Entra ID (Azure AD) token is exchanged for the registry's own.
/// </summary>
public sealed class AzureIdentity : IRegistryIdentity
{
    private const string Resource = "https://management.azure.com/";
    private static readonly string[] Domains = [".azurecr.io", ".azurecr.cn", ".azurecr.de", ".azurecr.us"];
    private static readonly TimeSpan UnknownAge = TimeSpan.FromHours(1);

    private readonly HttpClient _http;
    private readonly CloudEndpoints _endpoints;
    private readonly TimeProvider _time;
    private readonly CredentialCache _cache;

    /// <param name="http">The client for directory, metadata service and registries.</param>
    /// <param name="endpoints">Their addresses.</param>
    /// <param name="time">The clock of expiry.</param>
    public AzureIdentity(HttpClient http, CloudEndpoints endpoints, TimeProvider time)
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
    public string Name => "azure";

    /// <inheritdoc/>
    public bool Recognises(string registry)
    {
        ArgumentNullException.ThrowIfNull(registry);
        return registry == "mcr.microsoft.com" || Domains.Any(domain => registry.EndsWith(domain, StringComparison.Ordinal));
    }

    /// <inheritdoc/>
    public ValueTask<RegistryCredential?> CredentialAsync(string registry, CancellationToken cancellation) =>
        _cache.GetAsync(registry, token => FetchAsync(registry, token), cancellation);

    private async Task<(RegistryCredential?, DateTimeOffset)> FetchAsync(string registry, CancellationToken cancellation)
    {
        var access = await DirectoryTokenAsync(cancellation);
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "access_token",
            ["service"] = registry,
            ["access_token"] = access,
        };
        if (Variable("AZURE_TENANT_ID") is { } tenant)
        {
            form["tenant"] = tenant;
        }

        var message = Post(new Uri(_endpoints.AzureRegistry(registry), "oauth2/exchange"), form);
        var refresh = await CloudResponses.JsonAsync(_http, message, static answer => answer.Required("refresh_token"), cancellation);

        // A refresh token of the registry: its token service accepts it as an identity token, not as a password.
        return (new RegistryCredential("", "", IdentityToken: refresh), Expiry(refresh));
    }

    private async Task<string> DirectoryTokenAsync(CancellationToken cancellation)
    {
        var (client, tenant, secret) = (Variable("AZURE_CLIENT_ID"), Variable("AZURE_TENANT_ID"), Variable("AZURE_CLIENT_SECRET"));
        HttpRequestMessage message;
        if (client is not null && tenant is not null && secret is not null)
        {
            message = ClientCredentials(tenant, client, new() { ["client_secret"] = secret });
        }
        else if (client is not null && tenant is not null && await FederatedTokenAsync(cancellation) is { } assertion)
        {
            message = ClientCredentials(
                tenant,
                client,
                new()
                {
                    ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    ["client_assertion"] = assertion,
                }
            );
        }
        else
        {
            var query =
                $"metadata/identity/oauth2/token?api-version=2018-02-01&resource={Uri.EscapeDataString(Resource)}"
                + (client is null ? "" : $"&client_id={Uri.EscapeDataString(client)}");
            message = new HttpRequestMessage(HttpMethod.Get, new Uri(_endpoints.AzureMetadata, query));
            message.Headers.Add("Metadata", "true");
        }

        return await CloudResponses.JsonAsync(_http, message, static answer => answer.Required("access_token"), cancellation);
    }

    private HttpRequestMessage ClientCredentials(string tenant, string client, Dictionary<string, string> form)
    {
        form["grant_type"] = "client_credentials";
        form["client_id"] = client;
        form["scope"] = Resource + ".default";
        var directory = Variable("AZURE_AUTHORITY_HOST") is { } host ? new Uri(host.TrimEnd('/') + "/") : _endpoints.AzureDirectory;
        return Post(new Uri(directory, $"{tenant}/oauth2/v2.0/token"), form);
    }

    private async Task<string?> FederatedTokenAsync(CancellationToken cancellation) =>
        Variable("AZURE_FEDERATED_TOKEN")
        ?? (Variable("AZURE_FEDERATED_TOKEN_FILE") is { } file ? await File.ReadAllTextAsync(file, cancellation) : null);

    private string? Variable(string name) => _endpoints.Environment(name) is { Length: > 0 } value ? value : null;

    private static HttpRequestMessage Post(Uri address, Dictionary<string, string> form) =>
        new(HttpMethod.Post, address) { Content = new FormUrlEncodedContent(form) };

    /// <summary>The expiry in the token; without one an hour, a third of the lifetime that Azure grants.</summary>
    private DateTimeOffset Expiry(string token)
    {
        var unknown = _time.GetUtcNow() + UnknownAge;
        var parts = token.Split('.');
        if (parts.Length != 3 || !Base64Url.IsValid(parts[1]))
        {
            return unknown;
        }

        try
        {
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));
            return claims.RootElement.TryGetProperty("exp", out var expiry)
                ? DateTimeOffset.FromUnixTimeSeconds(expiry.GetInt64())
                : unknown;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or ArgumentOutOfRangeException)
        {
            return unknown;
        }
    }
}
