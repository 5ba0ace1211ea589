using System.Text.Json;

namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>Finds AWS credentials where a pod has them: environment, web identity, container agent, and the instance metadata (IMDSv2), in
/// this order.</summary>
internal sealed class AmazonCredentialSource(HttpClient http, CloudEndpoints endpoints)
{
    /// <summary>The credentials, for a registry in this region and domain; throws <see cref="IdentityException"/> when there are
    /// none.</summary>
    public async Task<AmazonCredentials> GetAsync(string region, string domain, CancellationToken cancellation)
    {
        if (Variable("AWS_ACCESS_KEY_ID") is { } access && Variable("AWS_SECRET_ACCESS_KEY") is { } secret)
        {
            return new AmazonCredentials(access, secret, Variable("AWS_SESSION_TOKEN") ?? "");
        }

        if (Variable("AWS_WEB_IDENTITY_TOKEN_FILE") is { } file && Variable("AWS_ROLE_ARN") is { } role)
        {
            return await WebIdentityAsync(region, domain, file, role, cancellation);
        }

        if (Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") is { } relative)
        {
            return await ContainerAsync(new Uri(endpoints.AmazonContainers, relative), cancellation);
        }

        if (Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") is { } full)
        {
            return await ContainerAsync(new Uri(full), cancellation);
        }

        return await MachineAsync(cancellation);
    }

    private async Task<AmazonCredentials> WebIdentityAsync(
        string region,
        string domain,
        string file,
        string role,
        CancellationToken cancellation
    )
    {
        var token = await File.ReadAllTextAsync(file, cancellation);
        var message = new HttpRequestMessage(HttpMethod.Post, endpoints.AmazonTokens(Variable("AWS_REGION") ?? region, domain))
        {
            Content = new FormUrlEncodedContent(
                new Dictionary<string, string>
                {
                    ["Action"] = "AssumeRoleWithWebIdentity",
                    ["Version"] = "2011-06-15",
                    ["RoleArn"] = role,
                    ["RoleSessionName"] = Variable("AWS_ROLE_SESSION_NAME") ?? "serving",
                    ["WebIdentityToken"] = token.Trim(),
                }
            ),
        };
        message.Headers.Accept.ParseAdd("application/json");
        return await CloudResponses.JsonAsync(
            http,
            message,
            static answer =>
                Read(
                    answer
                        .GetProperty("AssumeRoleWithWebIdentityResponse")
                        .GetProperty("AssumeRoleWithWebIdentityResult")
                        .GetProperty("Credentials"),
                    "SessionToken"
                ),
            cancellation
        );
    }

    private async Task<AmazonCredentials> ContainerAsync(Uri address, CancellationToken cancellation)
    {
        var message = new HttpRequestMessage(HttpMethod.Get, address);
        var authorization = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") is { } file
            ? (await File.ReadAllTextAsync(file, cancellation)).Trim()
            : Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        if (authorization is not null)
        {
            message.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        return await CloudResponses.JsonAsync(http, message, static answer => Read(answer, "Token"), cancellation);
    }

    private async Task<AmazonCredentials> MachineAsync(CancellationToken cancellation)
    {
        if (string.Equals(Variable("AWS_EC2_METADATA_DISABLED"), "true", StringComparison.OrdinalIgnoreCase))
        {
            throw new IdentityException("there are no AWS credentials in the environment, and the instance metadata is disabled");
        }

        var ask = new HttpRequestMessage(HttpMethod.Put, new Uri(endpoints.AmazonMetadata, "latest/api/token"));
        ask.Headers.Add("X-aws-ec2-metadata-token-ttl-seconds", "300");
        var session = await CloudResponses.TextAsync(http, ask, cancellation);
        var roles = await CloudResponses.TextAsync(http, Metadata("latest/meta-data/iam/security-credentials/"), cancellation);
        var role = roles.Split('\n')[0].Trim();
        return role.Length == 0
            ? throw new IdentityException("the machine has no role")
            : await CloudResponses.JsonAsync(
                http,
                Metadata($"latest/meta-data/iam/security-credentials/{role}"),
                static answer => Read(answer, "Token"),
                cancellation
            );

        HttpRequestMessage Metadata(string path)
        {
            var message = new HttpRequestMessage(HttpMethod.Get, new Uri(endpoints.AmazonMetadata, path));
            message.Headers.Add("X-aws-ec2-metadata-token", session);
            return message;
        }
    }

    private static AmazonCredentials Read(JsonElement keys, string token) =>
        new(keys.Required("AccessKeyId"), keys.Required("SecretAccessKey"), keys.Required(token));

    private string? Variable(string name) => endpoints.Environment(name) is { Length: > 0 } value ? value : null;
}
