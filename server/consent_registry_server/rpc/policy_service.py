"""PolicyService: the rules in force. Reads only."""

from __future__ import annotations

import grpc

from consent_registry.v1 import policy_service_pb2, policy_service_pb2_grpc
from consent_registry_server.rpc.convert_contact import to_country
from consent_registry_server.rpc.convert_policy import fill_policy
from consent_registry_server.service.ports import PolicySource
from consent_registry_server.service.receipts import Receipts


class PolicyServicer(policy_service_pb2_grpc.PolicyServiceServicer):
    """Shows the policy."""

    def __init__(self, policy: PolicySource, receipts: Receipts) -> None:
        self._policy = policy
        self._receipts = receipts

    def GetPolicy(
        self, request: policy_service_pb2.GetPolicyRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.GetPolicyResponse:
        """Returns everything in force."""
        del context
        response = policy_service_pb2.GetPolicyResponse()
        fill_policy(response, self._policy(), to_country(request.country, "country"))
        return response

    def GetReceiptKeys(
        self, request: policy_service_pb2.GetReceiptKeysRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.GetReceiptKeysResponse:
        """Returns the keys that verify consent receipts."""
        del request, context
        response = policy_service_pb2.GetReceiptKeysResponse()
        published = self._receipts.keys()
        for key in published:
            response.keys.add(key_id=key.key_id, public_key_pem=key.pem)
        return response
