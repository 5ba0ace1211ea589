using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>Signs requests to AWS (Signature Version 4).</summary>
internal static class AmazonSignature
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    /// <summary>Adds date, session token and signature; signs the host and all headers that the request already has.</summary>
    public static void Sign(
        HttpRequestMessage message,
        byte[] body,
        AmazonCredentials keys,
        string region,
        string service,
        DateTimeOffset now
    )
    {
        var address = message.RequestUri!;
        var moment = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        message.Headers.TryAddWithoutValidation("X-Amz-Date", moment);
        if (keys.SessionToken.Length > 0)
        {
            message.Headers.TryAddWithoutValidation("X-Amz-Security-Token", keys.SessionToken);
        }

        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["host"] = address.Authority };
        foreach (var (name, values) in message.Headers.Concat(message.Content?.Headers.AsEnumerable() ?? []))
        {
            headers[name.ToLowerInvariant()] = string.Join(',', values).Trim();
        }

        headers.Remove("content-length");
        var names = string.Join(';', headers.Keys);
        var query = string.Join(
            '&',
            address.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)
        );
        var request = string.Join(
            '\n',
            message.Method.Method,
            address.AbsolutePath,
            query,
            string.Concat(headers.Select(static header => $"{header.Key}:{header.Value}\n")),
            names,
            Convert.ToHexStringLower(SHA256.HashData(body))
        );
        var scope = $"{moment[..8]}/{region}/{service}/aws4_request";
        var text = string.Join('\n', Algorithm, moment, scope, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(request))));
        var key = Encoding.UTF8.GetBytes("AWS4" + keys.SecretKey);
        foreach (var part in scope.Split('/'))
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        }

        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));
        message.Headers.TryAddWithoutValidation(
            "Authorization",
            $"{Algorithm} Credential={keys.AccessKey}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
    }
}
