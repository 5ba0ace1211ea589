using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>Authenticates to Elastic Container Registry with the role of this pod or machine.</summary>
public sealed partial class AmazonIdentity : IRegistryIdentity
{
    private const string PublicRegistry = "public.ecr.aws";
    private const string PublicRegion = "us-east-1";
    private const string PublicDomain = "amazonaws.com";

    private readonly HttpClient _http;
    private readonly CloudEndpoints _endpoints;
    private readonly TimeProvider _time;
    private readonly AmazonCredentialSource _source;
    private readonly CredentialCache _cache;

    /// <param name="http">The client for metadata, token and registry services.</param>
    /// <param name="endpoints">Their addresses.</param>
    /// <param name="time">The clock of signatures and of expiry.</param>
    public AmazonIdentity(HttpClient http, CloudEndpoints endpoints, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(time);
        _http = http;
        _endpoints = endpoints;
        _time = time;
        _source = new AmazonCredentialSource(http, endpoints);
        _cache = new CredentialCache(time);
    }

    /// <inheritdoc/>
    public string Name => "amazon";

    /// <inheritdoc/>
    public bool Recognises(string registry) => registry == PublicRegistry || PrivateRegistry().IsMatch(registry);

    /// <inheritdoc/>
    public ValueTask<RegistryCredential?> CredentialAsync(string registry, CancellationToken cancellation) =>
        _cache.GetAsync(registry, token => registry == PublicRegistry ? PublicAsync(token) : PrivateAsync(registry, token), cancellation);

    [GeneratedRegex(
        @"^(\d{12})\.dkr\.ecr(-fips)?\.([a-zA-Z0-9][a-zA-Z0-9-_]*)\.(amazonaws\.com(\.cn)?|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex PrivateRegistry();

    private async Task<(RegistryCredential?, DateTimeOffset)> PrivateAsync(string registry, CancellationToken cancellation)
    {
        var parts = PrivateRegistry().Match(registry).Groups;
        var (account, fips, region, domain) = (parts[1].Value, parts[2].Success, parts[3].Value, parts[4].Value);
        return await AskAsync(
            _endpoints.AmazonRegistry(region, domain, fips),
            region,
            domain,
            "ecr",
            "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
            $$"""{"registryIds":["{{account}}"]}""",
            static answer => answer.GetProperty("authorizationData")[0],
            cancellation
        );
    }

    private Task<(RegistryCredential?, DateTimeOffset)> PublicAsync(CancellationToken cancellation) =>
        AskAsync(
            _endpoints.AmazonPublicRegistry,
            PublicRegion,
            PublicDomain,
            "ecr-public",
            "SpencerFrontendService.GetAuthorizationToken",
            "{}",
            static answer => answer.GetProperty("authorizationData"),
            cancellation
        );

    private async Task<(RegistryCredential?, DateTimeOffset)> AskAsync(
        Uri address,
        string region,
        string domain,
        string service,
        string action,
        string json,
        Func<JsonElement, JsonElement> data,
        CancellationToken cancellation
    )
    {
        var keys = await _source.GetAsync(region, domain, cancellation);
        var body = Encoding.UTF8.GetBytes(json);
        var message = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(body) };
        message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/x-amz-json-1.1");
        message.Headers.Add("X-Amz-Target", action);
        AmazonSignature.Sign(message, body, keys, region, service, _time.GetUtcNow());
        return await CloudResponses.JsonAsync(
            _http,
            message,
            answer =>
            {
                var found = data(answer);
                var login = Encoding.UTF8.GetString(Convert.FromBase64String(found.Required("authorizationToken"))).Split(':', 2);
                return login.Length == 2
                    ? (
                        (RegistryCredential?)new RegistryCredential(login[0], login[1]),
                        DateTimeOffset.FromUnixTimeSeconds(found.Number("expiresAt"))
                    )
                    : throw new FormatException("authorizationToken is not a user and password");
            },
            cancellation
        );
    }
}
