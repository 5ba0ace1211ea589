using Serving.Api.CertManager;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Resources;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.CertManager.Resources;

/// <summary>Why a Certificate cannot be requested, as its condition reports it.</summary>
internal sealed record CertificateProblem(string Reason, string Message);

/// <summary>
/// Makes the cert-manager Certificate for one of our Certificates. A common name has at most 63 characters: for a longer host it is a short
/// name below the base domain, which is added to the DNS names too.
/// </summary>
internal static class CertManagerCertificateMaker
{
    /// <summary>The prefix of the short name before the base domain.</summary>
    public const string ShortPrefix = "k.";

    private const int LongestCommonName = 63;
    private const string TooLong = "CommonName Too Long";
    private const string Failure = "error creating cert-manager certificate: ";

    public static (CertManagerCertificate? Certificate, CertificateProblem? Problem) Make(CertManagerConfig config, Certificate certificate)
    {
        var names = certificate.Spec.DnsNames;
        var commonName = names.Count > 0 ? names[0] : "";
        if (commonName.Length > LongestCommonName)
        {
            if (Unshortenable(commonName, certificate.Spec.Domain) is { } problem)
            {
                return (null, new CertificateProblem(TooLong, Failure + problem));
            }

            commonName = ShortPrefix + certificate.Spec.Domain;
            names = [commonName, .. names];
        }

        var type = certificate.Metadata.Labels.TryGetValue(NetworkingKeys.CertificateType, out var label)
            ? label
            : CertificateMaker.ExternalDomain;
        if (Issuer(config, type) is not { } issuer)
        {
            return (null, new CertificateProblem("certificate type invalid", $"{Failure}certificate type {type} is invalid"));
        }

        return (
            new CertManagerCertificate
            {
                ApiVersion = CertManagerResources.Certificates.ApiVersion,
                Kind = CertManagerResources.Certificates.Kind,
                Metadata = new ObjectMeta
                {
                    Name = certificate.Metadata.Name,
                    Namespace = certificate.Metadata.Namespace,
                    OwnerReferences = [Ownership.ControllerReference(ApiResources.Certificates, certificate)],
                    Annotations = certificate.Metadata.Annotations.Without(static key => key == Maps.LastApplied),
                    Labels = certificate.Metadata.Labels,
                },
                Spec = new CertManagerCertificateSpec
                {
                    CommonName = commonName,
                    DnsNames = names,
                    SecretName = certificate.Spec.SecretName,
                    IssuerRef = new CertManagerIssuerReference
                    {
                        Name = issuer.Name,
                        Kind = issuer.Kind,
                        Group = issuer.Group,
                    },
                    SecretTemplate = new CertManagerSecretTemplate
                    {
                        Labels = new Dictionary<string, string> { [NetworkingKeys.CertificateUid] = certificate.Metadata.Uid },
                    },
                },
            },
            null
        );
    }

    private static string? Unshortenable(string commonName, string domain)
    {
        if (domain.Length == 0)
        {
            return $"CommonName ({commonName}) too long and field spec.Domain on Kcert is empty, cannot attempt to shorten";
        }

        if (domain == commonName)
        {
            return $"CommonName ({commonName}) longer than 63 characters";
        }

        return domain.Length > LongestCommonName - ShortPrefix.Length
            ? $"CommonName ({domain})(length: {domain.Length}) too long, prepending short prefix of ({ShortPrefix})(length: {ShortPrefix.Length}) will be longer than 64 bytes"
            : null;
    }

    private static IssuerReference? Issuer(CertManagerConfig config, string type) =>
        type switch
        {
            CertificateMaker.ExternalDomain => config.IssuerRef,
            CertificateMaker.ClusterLocalDomain => config.ClusterLocalIssuerRef,
            CertificateMaker.SystemInternal => config.SystemInternalIssuerRef,
            _ => null,
        };
}
