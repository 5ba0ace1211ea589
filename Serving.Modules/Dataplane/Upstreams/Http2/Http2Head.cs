using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Upstreams.Http1;

namespace Serving.Dataplane.Upstreams.Http2;

/// <summary>Copies heads between Kestrel and .NET's client without changing values.</summary>
internal static class Http2Head
{
    private static readonly UriCreationOptions Verbatim = new() { DangerousDisablePathAndQueryCanonicalization = true };

    /// <summary>Creates the request to send.</summary>
    public static SessionRequest Request(HttpContext context, in UpstreamTarget target, Http2RequestBody body)
    {
        var source = context.Request;
        var request = new SessionRequest(
            HttpMethod.Parse(source.Method),
            new Uri($"http://{target.Address}{RequestTarget.Of(context)}", Verbatim),
            Stopwatch.GetTimestamp()
        )
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = body.Content,
        };
        var headers = source.Headers;
        var connection = headers.Connection;
        var namesOthers = HopHeaders.NamesOthers(connection);
        using var fields = HeaderFields.Of(headers);
        foreach (var (name, values) in fields.Span)
        {
            if (RequestHead.Travels(target, name) && !(namesOthers && HopHeaders.HasOption(connection, name)))
                Add(request, name, values);
        }

        if (source.ContentLength is { } length)
            request.Content.Headers.ContentLength = length;
        if (headers.TE is [{ } te] && te.Equals("trailers", StringComparison.OrdinalIgnoreCase))
            request.Headers.TryAddWithoutValidation("TE", te);
        if (target.SetHeaders is { } set)
        {
            for (var i = 0; i < set.Count; i++)
                Add(request, set[i].Key, set[i].Value);
        }

        request.Headers.TryAddWithoutValidation("Host", target.Host ?? source.Host.Value ?? "");
        if (body.IsEmpty && request.Content.Headers.NonValidated.Count == 0)
            request.Content = null;
        return request;
    }

    /// <summary>What a queue-proxy reports about its program; <see cref="UpstreamResult.Done"/> if nothing.</summary>
    public static UpstreamResult Unserved(HttpResponseMessage response) =>
        response.Headers.NonValidated.TryGetValues(DataplaneHeaders.Unserved, out var value)
            ? Dataplane.Upstreams.Unserved.Read(value.ToString())
            : UpstreamResult.Done;

    /// <summary>Copies status and headers to the client's response without starting it.</summary>
    public static void Copy(HttpResponseMessage source, HttpResponse response)
    {
        response.StatusCode = (int)source.StatusCode;
        Copy(source.Headers.NonValidated, response);
        Copy(source.Content.Headers.NonValidated, response);

        // Kestrel rejects a Content-Length where no body is allowed.
        if (response.StatusCode is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent)
            response.Headers.ContentLength = null;
    }

    /// <summary>Copies trailers, if the client's protocol supports them.</summary>
    public static void CopyTrailers(HttpResponseMessage source, HttpResponse response)
    {
        if (!response.SupportsTrailers())
            return;
        foreach (var (name, values) in source.TrailingHeaders.NonValidated)
            response.AppendTrailer(name, Values(values));
    }

    private static void Copy(in HttpHeadersNonValidated source, HttpResponse response)
    {
        var headers = response.Headers;
        foreach (var (name, values) in source)
        {
            if (!HopHeaders.Contains(name) && !name.Equals(DataplaneHeaders.Unserved, StringComparison.OrdinalIgnoreCase))
                headers[name] = Values(values);
        }
    }

    private static StringValues Values(in HeaderStringValues values)
    {
        if (values.Count <= 1)
            return values.ToString();
        var all = new string[values.Count];
        var i = 0;
        foreach (var value in values)
            all[i++] = value;
        return all;
    }

    private static void Add(SessionRequest request, string name, in StringValues values)
    {
        // Beyond HTTP/2, split cookies must be joined into one header.
        if (values.Count == 1 || name.Equals("Cookie", StringComparison.OrdinalIgnoreCase))
        {
            var value = values.Count == 1 ? values[0] : string.Join("; ", (IEnumerable<string?>)values);
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content!.Headers.TryAddWithoutValidation(name, value);
        }
        else if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
        {
            request.Content!.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
        }
    }
}
