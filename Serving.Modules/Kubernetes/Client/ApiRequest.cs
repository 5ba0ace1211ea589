using System.Net;
using System.Net.Http.Headers;

namespace Serving.Kubernetes.Client;

/// <summary>A request to the API server, of which any number of messages can be made.</summary>
/// <param name="What">What is being done to which object, for errors: <c>update configurations default/hello</c>.</param>
/// <param name="Method">The method.</param>
/// <param name="PathAndQuery">From the root of the server.</param>
/// <param name="Body">The body; null for none.</param>
/// <param name="ContentType">The media type of the body.</param>
internal sealed record ApiRequest(
    string What,
    HttpMethod Method,
    string PathAndQuery,
    byte[]? Body = null,
    string ContentType = "application/json"
)
{
    private static readonly HttpRequestOptionsKey<string> WhatOption = new("serving.what");

    /// <summary>What a message does, for errors; the package's own operations are named by method and path.</summary>
    public static string WhatOf(HttpRequestMessage message) =>
        message.Options.TryGetValue(WhatOption, out var what) ? what : $"{message.Method} {message.RequestUri?.AbsolutePath}";

    /// <summary>Whether the response comes as a stream without end, so that it is neither read whole nor bounded in time.</summary>
    public static bool IsStream(HttpRequestMessage message) =>
        message.RequestUri?.Query is { Length: > 0 } query
        && (query.Contains("watch=true", StringComparison.Ordinal) || query.Contains("follow=true", StringComparison.Ordinal));

    /// <summary>Whether doing it twice leaves the same as doing it once.</summary>
    public static bool IsRepeatable(HttpRequestMessage message) =>
        message.Method == HttpMethod.Get
        || message.Method == HttpMethod.Put
        || (message.Method == HttpMethod.Patch && message.Content?.Headers.ContentType?.MediaType != "application/json-patch+json");

    /// <summary>The message to send, once.</summary>
    /// <param name="server">The root of the server.</param>
    public HttpRequestMessage ToMessage(Uri server)
    {
        var message = new HttpRequestMessage(Method, new Uri(server.AbsoluteUri.TrimEnd('/') + PathAndQuery))
        {
            Version = server.Scheme == Uri.UriSchemeHttps ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        message.Options.Set(WhatOption, What);
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (Body is not null)
        {
            message.Content = new ByteArrayContent(Body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue(ContentType);
        }

        return message;
    }
}
