using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Kubernetes.Client;

namespace Serving.Host.Metrics;

/// <summary>
/// Authorizes scrapes of <c>/metrics</c> by the cluster's rules: the API server authenticates the token (TokenReview) and checks that the
/// user may <c>get</c> the path (SubjectAccessReview). Invariant: a token is neither stored nor logged, only its hash is; verdicts are
/// cached for a minute; the numbers of cached verdicts and of concurrent reviews are bounded.
/// </summary>
internal sealed partial class ScrapeGuard : IDisposable
{
    /// <summary>The maximum number of cached verdicts.</summary>
    public const int Remembered = 1000;

    private const string Path = "/metrics";
    private const string Scheme = "Bearer ";
    private const int LongestToken = 16 * 1024;
    private const int Questions = 8;
    private static readonly TimeSpan Validity = TimeSpan.FromMinutes(1);
    private static readonly ResourceType<Unstructured> TokenReviews = Unstructured.Type(
        "authentication.k8s.io",
        "v1",
        "tokenreviews",
        "TokenReview",
        namespaced: false
    );
    private static readonly ResourceType<Unstructured> AccessReviews = Unstructured.Type(
        "authorization.k8s.io",
        "v1",
        "subjectaccessreviews",
        "SubjectAccessReview",
        namespaced: false
    );

    private readonly IKubernetesClient _client;
    private readonly TimeProvider _time;
    private readonly ILogger<ScrapeGuard> _logger;
    private readonly ConcurrentDictionary<string, Answer> _answers = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _asking = new(Questions);

    /// <param name="client">Creates the reviews; its identity needs that right.</param>
    /// <param name="time">The clock of the cache.</param>
    /// <param name="logger">Logs rejected scrapers.</param>
    public ScrapeGuard(IKubernetesClient client, TimeProvider time, ILogger<ScrapeGuard> logger)
    {
        _client = client;
        _time = time;
        _logger = logger;
    }

    /// <summary>The number of cached verdicts.</summary>
    internal int Count => _answers.Count;

    /// <summary>Authorizes a request by its <c>Authorization</c> header.</summary>
    public async ValueTask<ScrapeVerdict> JudgeAsync(string? authorization, CancellationToken cancellation)
    {
        if (
            authorization is null
            || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            || authorization.Length > LongestToken
            || authorization[Scheme.Length..].Trim() is not { Length: > 0 } token
        )
        {
            return ScrapeVerdict.Unauthenticated;
        }

        var key = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        if (_answers.TryGetValue(key, out var known) && _time.GetElapsedTime(known.At) < Validity)
        {
            return known.Verdict;
        }

        await _asking.WaitAsync(cancellation);
        try
        {
            var verdict = await AskAsync(token, cancellation);
            Remember(key, verdict);
            return verdict;
        }
        catch (Exception failure) when (failure is KubernetesException or HttpRequestException or IOException or TimeoutException)
        {
            Log.Unavailable(_logger, failure.Message);
            return ScrapeVerdict.Unavailable;
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Dispose() => _asking.Dispose();

    private async Task<ScrapeVerdict> AskAsync(string token, CancellationToken cancellation)
    {
        var review = await _client.CreateAsync(TokenReviews, Review(TokenReviews, new JsonObject { ["token"] = token }), cancellation);
        if (
            review.Get("status", "authenticated") is not { ValueKind: JsonValueKind.True }
            || review.Get("status", "user") is not { ValueKind: JsonValueKind.Object } user
        )
        {
            return ScrapeVerdict.Unauthenticated;
        }

        var spec = new JsonObject
        {
            ["nonResourceAttributes"] = new JsonObject { ["path"] = Path, ["verb"] = "get" },
        };
        foreach (var (from, to) in new[] { ("username", "user"), ("uid", "uid"), ("groups", "groups"), ("extra", "extra") })
        {
            if (user.TryGetProperty(from, out var value))
            {
                spec[to] = JsonNode.Parse(value.GetRawText());
            }
        }

        var access = await _client.CreateAsync(AccessReviews, Review(AccessReviews, spec), cancellation);
        if (access.Get("status", "allowed") is { ValueKind: JsonValueKind.True })
        {
            return ScrapeVerdict.Allowed;
        }

        Log.Forbidden(_logger, user.TryGetProperty("username", out var name) ? name.ToString() : "");
        return ScrapeVerdict.Forbidden;
    }

    private static Unstructured Review(ResourceType<Unstructured> type, JsonObject spec) =>
        new(
            new JsonObject
            {
                ["apiVersion"] = type.ApiVersion,
                ["kind"] = type.Kind,
                ["metadata"] = new JsonObject(),
                ["spec"] = spec,
            }
        );

    /// <summary>Requests with many invalid tokens must not evict allowed scrapers: a rejection is cached only when there is room.</summary>
    private void Remember(string key, ScrapeVerdict verdict)
    {
        if (_answers.Count >= Remembered)
        {
            foreach (var (old, answer) in _answers)
            {
                if (
                    _time.GetElapsedTime(answer.At) >= Validity
                    || (verdict == ScrapeVerdict.Allowed && answer.Verdict != ScrapeVerdict.Allowed)
                )
                {
                    _answers.TryRemove(old, out _);
                }
            }
        }

        if (_answers.Count < Remembered)
        {
            _answers[key] = new Answer(verdict, _time.GetTimestamp());
        }
    }

    private sealed record Answer(ScrapeVerdict Verdict, long At);

    private static partial class Log
    {
        [LoggerMessage(
            1,
            LogLevel.Warning,
            "Rejected a scrape by {User}, who may not get /metrics; bind the ClusterRole knative-serving-metrics-reader"
        )]
        public static partial void Forbidden(ILogger logger, string user);

        [LoggerMessage(2, LogLevel.Warning, "Rejected a scrape because the API server could not be reached: {Reason}")]
        public static partial void Unavailable(ILogger logger, string reason);
    }
}
